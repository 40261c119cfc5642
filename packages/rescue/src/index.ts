export { placeReader, readerName, readReader } from "./place-reader.ts";
