// `rackboot decode`: prints captured datagrams in readable form.

import type { CapturedPacket } from '../../capture/capture-file.ts';
import {
  Conversation,
  describeAs,
  type FurtherPorts,
  guessProtocol,
  type Protocol,
} from '../../capture/conversation.ts';
import { type Description, type Field, safeText } from '../../capture/description.ts';
import type { HexPayload } from '../../capture/hex-file.ts';
import { findDatagram } from '../../capture/link-layer.ts';
import { counted } from '../../counted.ts';
import { formatIpv4 } from '../../net/address.ts';
import { jsonListLines, printLines } from '../terminal/output.ts';
import { type KnownInput, loadCapture, nameOf } from './input.ts';

interface DecodeOptions {
  readonly files: readonly string[];
  /** Decode every datagram as this protocol, whatever its ports. */
  readonly as: Protocol | undefined;
  readonly ports: FurtherPorts;
  readonly json: boolean;
}

/** One datagram, ready to print. */
interface Shown extends Description {
  readonly number: number;
  readonly time: string | undefined;
  readonly interface: string | undefined;
  readonly vlans: readonly number[];
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** Why bytes are missing; undefined: the datagram is complete. */
  readonly incomplete: string | undefined;
  /** The comment next to it in the file. */
  readonly comment: string | undefined;
}

/** A decoded file. Datagrams are described during iteration; `others` is complete after it. */
interface Decoded {
  readonly file: string;
  readonly datagrams: Iterable<Shown>;
  /** Packets other than UDP over IPv4, counted by kind. */
  readonly others: Map<string, number>;
  /** Why reading stopped before the end; undefined: it did not. */
  readonly fault: string | undefined;
}

/** Prints the datagrams of each file. @returns 0, or 1 if a file ended in a fault */
export async function decodeFiles(options: DecodeOptions): Promise<number> {
  let faults = 0;
  for (const [index, file] of options.files.entries()) {
    const decoded = decodeInput(file, await loadCapture(file), options);
    if (decoded.fault !== undefined) faults += 1;
    const isLast = index === options.files.length - 1;
    await printLines(
      options.json
        ? jsonLinesOf(decoded, index === 0 ? '[' : '', isLast ? ']' : ',')
        : linesOf(decoded, options.files.length > 1),
    );
  }
  return faults === 0 ? 0 : 1;
}

function decodeInput(file: string, input: KnownInput, options: DecodeOptions): Decoded {
  const others = new Map<string, number>();
  const fault =
    input.kind === 'packets' && input.fault !== undefined
      ? `${input.format}, at byte ${input.fault.offset}: ${input.fault.text}`
      : undefined;
  const datagrams =
    input.kind === 'packets' ? showPackets(input.packets, options, others) : showPayloads(input.payloads, options);
  return { file: nameOf(file), datagrams, others, fault };
}

function* showPayloads(payloads: readonly HexPayload[], options: DecodeOptions): Generator<Shown> {
  for (const [index, { comment, bytes }] of payloads.entries()) {
    yield {
      number: index + 1,
      time: undefined,
      interface: undefined,
      vlans: [],
      from: undefined,
      to: undefined,
      incomplete: undefined,
      comment: comment === '' ? undefined : safeText(comment),
      ...describeAs(options.as ?? guessProtocol(bytes), bytes),
    };
  }
}

function* showPackets(
  packets: readonly CapturedPacket[],
  options: DecodeOptions,
  others: Map<string, number>,
): Generator<Shown> {
  const conversation = new Conversation(options.ports);
  for (const packet of packets) {
    const found = findDatagram(packet);
    if (found.kind === 'other') {
      others.set(found.what, (others.get(found.what) ?? 0) + 1);
      continue;
    }
    const { from, fromPort, to, toPort, vlans, incomplete, bytes } = found;
    const described = conversation.describe(found);
    yield {
      number: packet.number,
      time: packet.atMs === undefined ? undefined : formatTime(packet.atMs),
      interface: packet.interfaceName === undefined ? undefined : safeText(packet.interfaceName),
      vlans,
      from: `${formatIpv4(from)}:${fromPort}`,
      to: `${formatIpv4(to)}:${toPort}`,
      incomplete,
      comment: undefined,
      ...(options.as === undefined ? described : describeAs(options.as, bytes)),
    };
  }
}

/** Wall time to the microsecond, in UTC. */
export function formatTime(atMs: number): string {
  const whole = Math.floor(atMs);
  // A capture may claim any time.
  if (!Number.isFinite(atMs) || Math.abs(whole) > 8.64e15) return `${atMs} ms`;
  const micros = Math.floor((atMs - whole) * 1000);
  return new Date(whole).toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`);
}

function* jsonLinesOf({ file, datagrams, others, fault }: Decoded, before: string, after: string): Generator<string> {
  yield* jsonListLines(`${before}{ "file": ${JSON.stringify(file)}, "datagrams": `, datagrams, ',');
  const rest = JSON.stringify({ others: Object.fromEntries(others), fault });
  yield `${rest.slice(1)}${after}`;
}

function* linesOf({ file, datagrams, others, fault }: Decoded, named: boolean): Generator<string> {
  if (named) yield `${file}:`;
  let count = 0;
  for (const datagram of datagrams) {
    const { number, time, interface: name, vlans, from, to, protocol, summary, comment } = datagram;
    count += 1;
    const place = from === undefined ? undefined : `${from} > ${to}`;
    const tags = vlans.length === 0 ? undefined : `VLAN ${vlans.join('.')}`;
    const head = [`#${number}`, time, name, tags, place, protocol.toUpperCase(), summary];
    yield head.filter((part) => part !== undefined).join('  ');
    if (comment !== undefined) yield `    (${comment})`;
    yield* linesOfFields(datagram.fields, 4);
    if (datagram.incomplete !== undefined) yield `    WRONG: ${datagram.incomplete}`;
    if (datagram.fault !== undefined) yield `    WRONG: Rackboot cannot decode it: ${datagram.fault.text}`;
  }
  for (const [what, times] of others) yield `(${counted(times, 'packet')} without UDP over IPv4: ${what})`;
  if (count === 0 && others.size === 0 && fault === undefined) yield 'The file contains no packets.';
  if (fault !== undefined) yield `The file was not read to its end: ${fault}`;
}

function* linesOfFields(fields: readonly Field[], indent: number): Generator<string> {
  for (const { name, value, offset, wrong, parts } of fields) {
    const at = wrong === undefined ? '' : `  WRONG${offset === undefined ? '' : ` at byte ${offset}`}: ${wrong}`;
    yield `${' '.repeat(indent)}${name}${value === '' ? '' : `: ${value}`}${at}`;
    if (parts !== undefined) yield* linesOfFields(parts, indent + 4);
  }
}
