// What a change of a machine changed of that which people edit.

import { isDeepStrictEqual } from 'node:util';
import type { Fields } from '../../ground/fields.ts';
import { DEFAULT_AREA } from './area.ts';
import { type Difference, listDifferences } from './difference.ts';
import { EDITED_FIELDS, type Machine } from './machine.ts';

/** The fields of a machine with the names that people give them. */
const nameMachineFields = ({
  zone,
  pool,
  architecture,
  subarchitecture,
  powerParameters,
}: Machine): Readonly<Record<string, Fields>> => ({
  zoneId: { zone: zone?.name ?? DEFAULT_AREA },
  poolId: { pool: pool?.name ?? DEFAULT_AREA },
  architecture: { architecture: `${architecture}/${subarchitecture}` },
  subarchitecture: {},
  powerParameters,
});

/** The part of a machine that people edit. */
function editedFields(machine: Machine): Fields {
  const names = nameMachineFields(machine);
  return Object.assign({}, ...EDITED_FIELDS.map((name) => names[name] ?? { [name]: machine[name] }));
}

const laidOut = ({ layout, facts, interfaces, addresses }: Machine) => ({ layout, facts, interfaces, addresses });

/** @param parts what was laid out, which is only named: `network`, `disks` */
export function machineDifferences(before: Machine, after: Machine, parts: readonly string[]): readonly Difference[] {
  const isSame = isDeepStrictEqual(laidOut(before), laidOut(after));
  return [
    ...listDifferences(editedFields(before), editedFields(after)),
    ...(isSame ? [] : parts.map((field) => ({ field }))),
  ];
}
