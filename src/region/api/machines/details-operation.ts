// The hardware of a machine, in both versions of the API (`json/details.ts`).

import { nothing, type Operation, operation } from '../call/operation.ts';
import { detailsAnswer } from '../json/details.ts';
import { machinePaths, withMachine } from './machine-calls.ts';

const DETAILS =
  'Read the hardware that the machine reported: a BSON document with `lshw` and `lldp` as XML, null if it has reported nothing.';

/** The operation, in both versions. */
export const DETAILS_OPERATIONS: readonly Operation[] = (['2.0', '1.0'] as const).map((version) =>
  operation(
    machinePaths(version).one,
    'GET details',
    'user',
    'bson',
    DETAILS,
    nothing,
    withMachine((_call, machine) => detailsAnswer(machine)),
  ),
);
