// The hardware of a node in the form of lshw and lldp, as BSON.
//
// Sources: MAAS's `machines/{system_id}/?op=details` and `rackcontrollers/{system_id}/?op=details`,
// and `nodes/` in 1.0: a BSON document with the binary fields `lshw` and `lldp`, each an XML
// document; bsonspec.org (document, binary, null).
//
// 1. `lshw` is made from the facts that the machine reported (`records/lshw.ts`). The boot
//    environment runs no LLDP daemon, so `lldp` is an empty list.

import { hardwareTree, hardwareXml } from '../../records/lshw.ts';
import type { Machine } from '../../records/machine.ts';
import type { Answer } from '../call/answer.ts';

const BINARY = 0x05;
const GENERIC = 0x00;
const NULL = 0x0a;
const NO_NEIGHBOURS = '<?xml version="1.0" encoding="UTF-8"?>\n<lldp label="LLDP neighbors"/>\n';

/** A field of a BSON document: its type, its name, and its bytes or null. */
function field(name: string, value: Buffer | undefined): Buffer {
  const head = (type: number): Buffer => Buffer.concat([Buffer.from([type]), Buffer.from(`${name}\0`)]);
  if (value === undefined) return head(NULL);
  const size = Buffer.alloc(5);
  size.writeInt32LE(value.length);
  size[4] = GENERIC;
  return Buffer.concat([head(BINARY), size, value]);
}

/** The hardware of a node; `undefined`: of one that reports none. */
export function detailsAnswer(machine: Machine | undefined): Answer {
  const isKnown = machine?.facts !== undefined;
  const lshw = isKnown ? Buffer.from(hardwareXml(hardwareTree(machine))) : undefined;
  const lldp = isKnown ? Buffer.from(NO_NEIGHBOURS) : undefined;
  const body = Buffer.concat([field('lshw', lshw), field('lldp', lldp), Buffer.from([0])]);
  const size = Buffer.alloc(4);
  size.writeInt32LE(size.length + body.length);
  return { kind: 'text', text: Buffer.concat([size, body]), contentType: 'application/bson' };
}
