// The hardware of a machine in the form of lshw and lldp, as BSON.
//
// Sources: MAAS's `machines/{system_id}/?op=details`, and `nodes/` in 1.0: a BSON document with the binary fields `lshw` and `lldp`, each an
// XML document; bsonspec.org (document, binary, null).
//
// 1. `lshw` is made from the facts that the machine reported (`records/lshw.ts`). The boot environment runs no LLDP daemon, so `lldp` is an empty list.

import { z } from 'zod';
import { hardwareTree, hardwareXml } from '../../records/lshw.ts';
import { type Answer, NO_MACHINE } from '../call/answer.ts';
import { type ApiCall, defineOperation, type Operation } from '../call/operation.ts';
import { machineOf, machinePaths } from './machine-calls.ts';

const BINARY = 0x05;
const GENERIC = 0x00;
const NULL = 0x0a;
const NO_NEIGHBOURS = '<?xml version="1.0" encoding="UTF-8"?>\n<lldp label="LLDP neighbors"/>\n';

/** One field of a BSON document: its type, its name, its value. @param value `undefined`: null */
function field(name: string, value: Buffer | undefined): Buffer {
  const head = (type: number): Buffer => Buffer.concat([Buffer.from([type]), Buffer.from(`${name}\0`)]);
  if (value === undefined) return head(NULL);
  const size = Buffer.alloc(5);
  size.writeInt32LE(value.length);
  size[4] = GENERIC;
  return Buffer.concat([head(BINARY), size, value]);
}

/** A BSON document of binary fields. */
function bsonOf(values: Readonly<Record<string, Buffer | undefined>>): Buffer {
  const body = Buffer.concat(Object.entries(values).map(([name, value]) => field(name, value)));
  const size = Buffer.alloc(4);
  size.writeInt32LE(body.length + 5);
  return Buffer.concat([size, body, Buffer.from([0])]);
}

async function details(call: ApiCall): Promise<Answer> {
  const machine = await machineOf(call);
  if (machine === undefined) return NO_MACHINE;
  const isKnown = machine.facts !== undefined;
  const lshw = isKnown ? Buffer.from(hardwareXml(hardwareTree(machine))) : undefined;
  const lldp = isKnown ? Buffer.from(NO_NEIGHBOURS) : undefined;
  return { kind: 'text', text: bsonOf({ lshw, lldp }), contentType: 'application/bson' };
}

/** The operation, in both versions. */
export const DETAILS_OPERATIONS: readonly Operation[] = (['2.0', '1.0'] as const).map((version) =>
  defineOperation({
    ...machinePaths(version).one,
    method: 'GET',
    op: 'details',
    access: 'user',
    doc: 'Read the hardware that the machine reported: a BSON document with `lshw` and `lldp` as XML, null if it has reported nothing.',
    parameters: z.object({}),
    run: details,
  }),
);
