import { arch } from "node:process";

/** Numbers of the system calls that not every C library has a function for, by processor. */
const numbers: Record<string, { statx: number; getdents64: number }> = {
  x64: { statx: 332, getdents64: 217 },
  arm64: { statx: 291, getdents64: 61 },
};

function numbersHere(): { statx: number; getdents64: number } {
  const here = numbers[arch];
  if (here === undefined) throw new Error(`file trees cannot be walked on ${arch}, only on x64 and arm64`);
  return here;
}

export const syscallNumbers = { ...numbersHere(), listxattrat: 465 };
