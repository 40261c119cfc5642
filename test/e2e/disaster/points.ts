/** Lines in the log of a restore, in the order in which they come. */
export const steps = {
  verifying: /"verifying/,
  saving: /"saving what is there now/,
  saved: /"saved"/,
  staging: /"restoring beside what is there"/,
  stopping: /"stopping services"/,
  starting: /"starting services"/,
  waiting: /"waiting for health"/,
  comparing: /"comparing"/,
  finishing: /"tidying up"/,
} as const;

/** When the first source of a component is put in its place. */
export function restoring(component: string): RegExp {
  return new RegExp(`"component":"${component}".*"restoring"`);
}
