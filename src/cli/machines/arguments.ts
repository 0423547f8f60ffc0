// The argument that names a machine.

import type { Finder } from '../terminal/form.ts';
import type { MachineShape } from '../terminal/shapes.ts';
import { ANY_NAME, requiredArgument } from '../terminal/shared-options.ts';

export const MACHINE: Finder<MachineShape> = {
  find: async (where, wanted) => (await import('./identity.ts')).findMachine(where, wanted),
  id: 'system_id',
};

export const aMachine = (describe = ANY_NAME) => ({ ...requiredArgument(describe), finder: MACHINE }) as const;

export const formatMachineTitle = ({ fqdn, system_id: id }: Pick<MachineShape, 'fqdn' | 'system_id'>): string =>
  `${fqdn} (${id})`;
