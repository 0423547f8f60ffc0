// Operations for the owner of a machine: data that clients store with it, and its lock.
//
// Sources: MAAS API 2.0, `machines/{system_id}/` op=set_owner_data, set_workload_annotations, lock,
// unlock. Juju stores there which of its units run.

import { z } from 'zod';
import type { CommandRefusal } from '../../life/commands.ts';
import { readPlacement } from '../../life/machine-placement.ts';
import { decideLock, decideOwnerData, ownerDataProblems } from '../../life/ownership.ts';
import { COMMANDS } from '../../records/machine-commands.ts';
import { json, NO_MACHINE, refuse, refuseFields } from '../call/answer.ts';
import type { Fields } from '../call/form-body.ts';
import { type ApiCall, type Operation, operation } from '../call/operation.ts';
import { deviceJson } from '../json/device-json.ts';
import { answerCommand } from './life-operations.ts';
import { comment, findNodeInPath, getSystemId, getUserActor, machinePaths } from './machine-calls.ts';

const common = { ...machinePaths('2.0').one, method: 'POST', access: 'user' } as const;
const ofDevices = { ...common, path: 'devices/{system_id}', handler: 'DeviceHandler' } as const;

/**
 * The data: every parameter but the `op` that names the operation. One in the body is data, too, if
 * the query names the operation.
 */
function dataIn({ query }: ApiCall, fields: Fields): ReadonlyMap<string, string> {
  const data = new Map([...fields].map(([key, list]) => [key, list.at(-1) ?? ''] as const));
  const ofQuery = query.get('op') ?? [];
  const isInBody = (fields.get('op')?.length ?? 0) > ofQuery.length;
  if (!isInBody || !ofQuery.at(-1)) data.delete('op');
  return data;
}

/** Every parameter except `op` is a key with its value, so no schema can name them. */
function setOwnerData(place: typeof common | typeof ofDevices, op: string): Operation {
  const isOfDevices = place === ofDevices;
  return {
    ...place,
    op,
    answers: isOfDevices ? 'device' : 'machine',
    doc: 'Store data with a machine or a device: every parameter is a key with its value; an empty value removes the key.\n\n:param <key>: The value.',
    parameters: {},
    takesOthers: true,
    ownTransaction: false,
    async run(call, fields) {
      const data = dataIn(call, fields);
      const problems = ownerDataProblems(data);
      if (problems.size > 0) return refuseFields(Object.fromEntries([...problems].map(([key, word]) => [key, [word]])));
      const { store, clock } = call.region;
      const node = await findNodeInPath(call);
      if ((node?.device !== undefined) !== isOfDevices)
        return isOfDevices ? refuse('not-found', 'No device has this system id.') : NO_MACHINE;
      const atMs = clock.wallTimeMs();
      const outcome = await store.changeMachine<CommandRefusal>(getSystemId(call), atMs, (machine, knowledge) =>
        decideOwnerData(machine, data, { by: getUserActor(call), atMs, knowledge }),
      );
      if (!isOfDevices || outcome.kind !== 'changed') return answerCommand(call, outcome);
      return json(deviceJson(outcome.machine, readPlacement(call.region)));
    },
  };
}

const why = z.object({ comment });

const locking = (isLocked: boolean) => async (call: ApiCall, input: z.output<typeof why>) => {
  const { store, clock } = call.region;
  const atMs = clock.wallTimeMs();
  return answerCommand(
    call,
    await store.changeMachine(getSystemId(call), atMs, (machine) =>
      decideLock(machine, isLocked, getUserActor(call, input.comment), atMs),
    ),
  );
};

/** Owner data and locks of machines. */
export const OWNERSHIP_OPERATIONS: readonly Operation[] = [
  setOwnerData(common, 'set_owner_data'),
  setOwnerData(common, 'set_workload_annotations'),
  setOwnerData(ofDevices, 'set_owner_data'),
  setOwnerData(ofDevices, 'set_workload_annotations'),
  operation(common, 'POST lock', 'user', 'machine', COMMANDS.lock.doc, why, locking(true)),
  operation(common, 'POST unlock', 'user', 'machine', COMMANDS.unlock.doc, why, locking(false)),
];
