// The hardware of a machine in the form of lshw and lldp, as BSON.
//
// Sources: MAAS's `machines/{system_id}/?op=details`, and `nodes/` in 1.0: a BSON document with the binary fields `lshw` and `lldp`, each an
// XML document; `nodegroups/<uuid>/?op=details` has such a document for each machine; bsonspec.org (document, binary, null).
//
// 1. `lshw` is made from the facts that the machine reported (`records/lshw.ts`). The boot environment runs no LLDP daemon, so `lldp` is an empty list.

import { z } from 'zod';
import { whereabouts } from '../../life/whereabouts.ts';
import { hardwareTree, hardwareXml } from '../../records/lshw.ts';
import type { Machine } from '../../records/machine.ts';
import { type Answer, NO_MACHINE, noRackText, refuse } from '../call/answer.ts';
import { type ApiCall, defineOperation, type Operation, values } from '../call/operation.ts';
import { machineOf, machinePaths } from './machine-calls.ts';

/** Machines of one answer. */
const MACHINES_MAX = 64;
const DOCUMENT = 0x03;
const BINARY = 0x05;
const GENERIC = 0x00;
const NULL = 0x0a;
const NO_NEIGHBOURS = '<?xml version="1.0" encoding="UTF-8"?>\n<lldp label="LLDP neighbors"/>\n';

/** A value in a BSON document: bytes, a document of its own, or null. */
type Value = Buffer | { readonly document: Buffer } | undefined;

/** One field of a BSON document: its type, its name, its value. */
function field(name: string, value: Value): Buffer {
  const head = (type: number): Buffer => Buffer.concat([Buffer.from([type]), Buffer.from(`${name}\0`)]);
  if (value === undefined) return head(NULL);
  if ('document' in value) return Buffer.concat([head(DOCUMENT), value.document]);
  const size = Buffer.alloc(5);
  size.writeInt32LE(value.length);
  size[4] = GENERIC;
  return Buffer.concat([head(BINARY), size, value]);
}

/** A BSON document. */
function bsonOf(values: Readonly<Record<string, Value>>): Buffer {
  const body = Buffer.concat(Object.entries(values).map(([name, value]) => field(name, value)));
  const size = Buffer.alloc(4);
  size.writeInt32LE(body.length + 5);
  return Buffer.concat([size, body, Buffer.from([0])]);
}

const answerOf = (document: Buffer): Answer => ({ kind: 'text', text: document, contentType: 'application/bson' });

function detailsOf(machine: Machine | undefined): Buffer {
  const isKnown = machine?.facts !== undefined;
  const lshw = isKnown ? Buffer.from(hardwareXml(hardwareTree(machine))) : undefined;
  const lldp = isKnown ? Buffer.from(NO_NEIGHBOURS) : undefined;
  return bsonOf({ lshw, lldp });
}

/** The hardware of a node; `undefined`: of one that reports none. */
export const detailsAnswer = (machine: Machine | undefined): Answer => answerOf(detailsOf(machine));

async function details(call: ApiCall): Promise<Answer> {
  const machine = await machineOf(call);
  return machine === undefined ? NO_MACHINE : detailsAnswer(machine);
}

const ofGroup = z.object({
  system_ids: values(MACHINES_MAX).describe('System ids of machines. Those of other racks are left out.'),
});

/** The hardware of machines of one rack, by system id. */
async function groupDetails(call: ApiCall, given: z.output<typeof ofGroup>): Promise<Answer> {
  const { region } = call;
  const uuid = region.settings.findRack(call.path.uuid ?? '') ?? call.path.uuid ?? '';
  if (region.racks.find(uuid) === undefined) return refuse('not-found', noRackText(uuid.slice(0, 64)));
  const where = whereabouts(region);
  const machines = await region.store.listMachines({ systemIds: [...new Set(given.system_ids)] }, 0, MACHINES_MAX);
  const own = machines.filter((machine) => where.racksOf(machine).some((rack) => rack.uuid === uuid));
  return answerOf(
    bsonOf(Object.fromEntries(own.map((machine) => [machine.systemId, { document: detailsOf(machine) }]))),
  );
}

/** The operation, in both versions, and that of racks in 1.0. */
export const DETAILS_OPERATIONS: readonly Operation[] = [
  ...(['2.0', '1.0'] as const).map((version) =>
    defineOperation({
      ...machinePaths(version).one,
      method: 'GET',
      op: 'details',
      access: 'user',
      answers: 'bson',
      doc: 'Read the hardware that the machine reported: a BSON document with `lshw` and `lldp` as XML, null if it has reported nothing.',
      parameters: z.object({}),
      run: details,
    }),
  ),
  defineOperation({
    versions: ['1.0'],
    path: 'nodegroups/{uuid}',
    handler: 'NodeGroupHandler',
    answers: 'bson',
    method: 'POST',
    op: 'details',
    access: 'admin',
    parameters: ofGroup,
    doc: 'Read the hardware of machines of a rack: a BSON document with that of each machine by its system id. Changes nothing.',
    run: groupDetails,
  }),
];
