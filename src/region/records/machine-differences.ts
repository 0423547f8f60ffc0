// What a change of a machine changed of that which people edit.

import { isDeepStrictEqual } from 'node:util';
import type { Fields } from '../../fields.ts';
import { DEFAULT_AREA } from './area.ts';
import { type Difference, differencesOf } from './difference.ts';
import type { Machine } from './machine.ts';

/** The part of a machine that people edit. */
const editedFields = (machine: Machine): Fields => ({
  hostname: machine.hostname,
  domain: machine.domain,
  description: machine.description,
  zone: machine.zone?.name ?? DEFAULT_AREA,
  pool: machine.pool?.name ?? DEFAULT_AREA,
  architecture: `${machine.architecture}/${machine.subarchitecture}`,
  kernelParams: machine.kernelParams,
  osystem: machine.osystem,
  release: machine.release,
  kernel: machine.kernel,
  oldestKernel: machine.oldestKernel,
  powerType: machine.powerType,
  ...machine.powerParameters,
});

const laidOut = ({ layout, facts, interfaces, addresses }: Machine) => ({ layout, facts, interfaces, addresses });

/** @param parts what was laid out, which is only named: `network`, `disks` */
export function machineDifferences(before: Machine, after: Machine, parts: readonly string[]): readonly Difference[] {
  const isSame = isDeepStrictEqual(laidOut(before), laidOut(after));
  return [
    ...differencesOf(editedFields(before), editedFields(after)),
    ...(isSame ? [] : parts.map((field) => ({ field }))),
  ];
}
