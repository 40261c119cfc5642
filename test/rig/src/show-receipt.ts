import { buffer } from "node:stream/consumers";
import { parseReceipt } from "@erlmcp/manifest";
import { formatReceipt } from "./format-receipt.ts";

/** `node show-receipt.ts < receipt.json`: prints it for a human. */
process.stdout.write(`\n${formatReceipt(parseReceipt(await buffer(process.stdin)))}`);
