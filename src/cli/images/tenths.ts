// Progress as a line at every tenth.

import { followTenths } from '../../images/tenths.ts';
import { formatBytes, print } from '../terminal/output.ts';

/** Prints a line whenever another tenth is done. @param isSilent true: nothing is printed */
export function printTenths(isSilent: boolean): (done: number, total: number) => void {
  const reach = followTenths();
  return (done, total) => {
    const percent = reach(done, total);
    if (percent !== undefined && !isSilent) print(`${percent} % of ${formatBytes(total)}`);
  };
}
