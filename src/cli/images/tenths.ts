// Progress as a line at every tenth.

import { followTenths } from '../../images/tenths.ts';
import { formatBytes, print } from '../terminal/output.ts';

/** Prints a line whenever another tenth is done. @param isSilent true: nothing is printed @param of what is worked on; undefined: only one thing is */
export function printTenths(isSilent: boolean, of?: string): (done: number, total: number) => void {
  const reach = followTenths();
  return (done, total) => {
    const percent = reach(done, total);
    if (percent !== undefined && !isSilent)
      print(`${of === undefined ? '' : `${of}: `}${percent} % of ${formatBytes(total)}`);
  };
}
