// Progress as a line at every tenth.

import { formatBytes, print } from '../terminal/output.ts';

const PARTS = 10;

/** Prints a line whenever another tenth is done. @param isSilent true: nothing is printed */
export function printTenths(isSilent: boolean): (done: number, total: number) => void {
  let said = 0;
  return (done, total) => {
    const part = Math.floor((done / total) * PARTS);
    if (part <= said || isSilent) return;
    said = part;
    print(`${part * (100 / PARTS)} % of ${formatBytes(total)}`);
  };
}
