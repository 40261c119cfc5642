/** Of the compiled agent: beside the job's bundle, as the image has it. */
export const agentFolder = new URL("./agent/", import.meta.url);
