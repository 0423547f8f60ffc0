// `rackboot decode`: captured datagrams for people.

import { Conversation, describeAs, type FurtherPorts, guessProtocol, type Protocol } from '../capture/conversation.ts';
import type { Description, Field } from '../capture/description.ts';
import { findDatagram } from '../capture/link-layer.ts';
import { formatIpv4 } from '../net/address.ts';
import { type KnownInput, loadCapture, nameOf } from './capture-input.ts';
import { printJson } from './output.ts';

export interface DecodeOptions {
  readonly files: readonly string[];
  /** Taken for this protocol, whatever its ports say. */
  readonly as: Protocol | undefined;
  readonly ports: FurtherPorts;
  readonly json: boolean;
}

/** One datagram as it is printed. */
interface Shown extends Description {
  readonly number: number;
  readonly time: string | undefined;
  readonly interface: string | undefined;
  readonly vlans: readonly number[];
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** Why its bytes are not all; undefined: they are. */
  readonly incomplete: string | undefined;
  /** What stands in the file beside it. */
  readonly comment: string | undefined;
}

interface Decoded {
  readonly file: string;
  readonly datagrams: readonly Shown[];
  /** Packets that are no UDP of IPv4, by what they are. */
  readonly others: Readonly<Record<string, number>>;
  readonly fault: string | undefined;
}

/** Prints the datagrams of each file. @returns 0; 1 when a file ended in a fault */
export async function decodeFiles(options: DecodeOptions): Promise<number> {
  const all: Decoded[] = [];
  let faults = 0;
  for (const file of options.files) {
    const decoded = decodeInput(file, await loadCapture(file), options);
    if (decoded.fault !== undefined) faults += 1;
    if (options.json) all.push(decoded);
    else printDecoded(decoded, options.files.length > 1);
  }
  if (options.json) printJson(all);
  return faults === 0 ? 0 : 1;
}

function decodeInput(file: string, input: KnownInput, options: DecodeOptions): Decoded {
  const name = nameOf(file);
  if (input.kind === 'payloads') {
    const datagrams = input.payloads.map(({ comment, bytes }, index) => ({
      ...{ number: index + 1, time: undefined, interface: undefined, vlans: [], from: undefined, to: undefined },
      incomplete: undefined,
      comment: comment === '' ? undefined : comment,
      ...describeAs(options.as ?? guessProtocol(bytes), bytes),
    }));
    return { file: name, datagrams, others: {}, fault: undefined };
  }
  const conversation = new Conversation(options.ports);
  const datagrams: Shown[] = [];
  const others = new Map<string, number>();
  for (const packet of input.packets) {
    const found = findDatagram(packet);
    if (found.kind === 'other') {
      others.set(found.what, (others.get(found.what) ?? 0) + 1);
      continue;
    }
    const { from, fromPort, to, toPort, vlans, incomplete, bytes } = found;
    const described = conversation.describe(found);
    datagrams.push({
      number: packet.number,
      time: packet.atMs === undefined ? undefined : formatTime(packet.atMs),
      interface: packet.interfaceName,
      vlans,
      from: `${formatIpv4(from)}:${fromPort}`,
      to: `${formatIpv4(to)}:${toPort}`,
      incomplete,
      comment: undefined,
      ...(options.as === undefined ? described : describeAs(options.as, bytes)),
    });
  }
  const fault = input.fault && `${input.format}, at byte ${input.fault.offset}: ${input.fault.text}`;
  return { file: name, datagrams, others: Object.fromEntries(others), fault };
}

/** Wall time to the microsecond, in UTC. */
export function formatTime(atMs: number): string {
  const whole = Math.floor(atMs);
  // A capture may claim any time at all.
  if (!Number.isFinite(atMs) || Math.abs(whole) > 8.64e15) return `${atMs} ms`;
  const micros = Math.floor((atMs - whole) * 1000);
  return new Date(whole).toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`);
}

function printDecoded({ file, datagrams, others, fault }: Decoded, named: boolean): void {
  if (named) console.log(`${file}:`);
  for (const datagram of datagrams) {
    const { number, time, interface: name, vlans, from, to, protocol, summary, comment } = datagram;
    const place = from === undefined ? undefined : `${from} > ${to}`;
    const tags = vlans.length === 0 ? undefined : `VLAN ${vlans.join('.')}`;
    const head = [`#${number}`, time, name, tags, place, protocol.toUpperCase(), summary];
    console.log(head.filter((part) => part !== undefined).join('  '));
    if (comment !== undefined) console.log(`    (${comment})`);
    printFieldsOf(datagram.fields, 4);
    if (datagram.incomplete !== undefined) console.log(`    WRONG: ${datagram.incomplete}`);
    if (datagram.fault !== undefined) console.log(`    WRONG: Rackboot does not understand it: ${datagram.fault.text}`);
  }
  for (const [what, count] of Object.entries(others)) console.log(`(${count} packets without UDP of IPv4: ${what})`);
  if (fault !== undefined) console.log(`The file is damaged: ${fault}`);
}

function printFieldsOf(fields: readonly Field[], indent: number): void {
  for (const { name, value, offset, wrong, parts } of fields) {
    const at = wrong === undefined ? '' : `  WRONG${offset === undefined ? '' : ` at byte ${offset}`}: ${wrong}`;
    console.log(`${' '.repeat(indent)}${name}${value === '' ? '' : `: ${value}`}${at}`);
    if (parts !== undefined) printFieldsOf(parts, indent + 4);
  }
}
