export { randomBytes as random } from "node:crypto";
