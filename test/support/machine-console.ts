// The serial console of a virtual machine.

import { existsSync, readFileSync } from 'node:fs';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';

/** The output since the last start. */
export const consoleOf = ({ consolePath }: VirtualMachine): string =>
  existsSync(consolePath) ? readFileSync(consolePath, 'latin1') : '';
