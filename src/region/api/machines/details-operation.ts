// The hardware of a machine, in both versions of the API (`json/details.ts`).

import { type Answer, NO_MACHINE } from '../call/answer.ts';
import { type ApiCall, nothing, type Operation, operation } from '../call/operation.ts';
import { detailsAnswer } from '../json/details.ts';
import { machineOf, machinePaths } from './machine-calls.ts';

async function details(call: ApiCall): Promise<Answer> {
  const machine = await machineOf(call);
  return machine === undefined ? NO_MACHINE : detailsAnswer(machine);
}

const DETAILS =
  'Read the hardware that the machine reported: a BSON document with `lshw` and `lldp` as XML, null if it has reported nothing.';

/** The operation, in both versions. */
export const DETAILS_OPERATIONS: readonly Operation[] = (['2.0', '1.0'] as const).map((version) =>
  operation(machinePaths(version).one, 'GET details', 'user', 'bson', DETAILS, nothing, details),
);
