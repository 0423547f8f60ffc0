// Replays captured TFTP requests: the loader would now get a file of the tree, a rendered
// configuration, or an error.

import { type AssetContext, resolveBootAsset } from '../boot/asset.ts';
import { formatIpv4 } from '../ground/address.ts';
import { BoundedMap } from '../ground/bounded-map.ts';
import { cleanText } from '../ground/clean-text.ts';
import { counted } from '../ground/counted.ts';
import { decodePacket, type TftpPacket } from '../tftp/packet.ts';
import { type Difference, judgeReplay, type Replayed } from './answer-comparison.ts';
import type { CapturedDatagram } from './pcap.ts';
import { QUERIES_WAITING_MAX } from './replay-dhcp.ts';

/** The answer now. */
interface Outcome {
  readonly decision: 'file' | 'rendered' | 'error';
  readonly text: string;
  readonly sizeBytes: number | undefined;
}

/** Returns the size of a file of the tree; undefined if there is no such file. */
export type SizeOf = (path: string) => number | undefined;

/** Replays TFTP. */
export class TftpReplay {
  readonly #assets: AssetContext;
  readonly #sizeOf: SizeOf;
  /** Requests by the client's address and port. */
  readonly #waiting = new BoundedMap<string, { readonly result: Replayed; readonly outcome: Outcome }>(
    QUERIES_WAITING_MAX,
    'set longest ago',
  );

  constructor(assets: AssetContext, sizeOf: SizeOf) {
    this.#assets = assets;
    this.#sizeOf = sizeOf;
  }

  take(datagram: CapturedDatagram): Replayed | undefined {
    const { number, atMs, bytes, from, fromPort, to, toPort } = datagram;
    const decoded = decodePacket(bytes);
    if (!decoded.ok) return undefined;
    const packet = decoded.value;
    if (packet.kind !== 'read' && packet.kind !== 'write') {
      this.#takeAnswer(`${to}:${toPort}`, packet, datagram);
      return undefined;
    }
    const outcome = this.#ask(packet.kind, packet.file, packet.mode, datagram);
    const result: Replayed = {
      number,
      atMs,
      protocol: 'tftp',
      decision: outcome.decision,
      text: outcome.text,
      from: `${formatIpv4(from)}:${fromPort}`,
      to: `${formatIpv4(to)}:${toPort}`,
      query: `${packet.kind} "${cleanText(packet.file)}"`,
      captured: undefined,
      verdict: 'only-now',
      differences: [],
    };
    this.#waiting.set(`${from}:${fromPort}`, { result, outcome });
    return result;
  }

  #ask(kind: 'read' | 'write', file: string, mode: string, { from, to }: CapturedDatagram): Outcome {
    const error = (text: string): Outcome => ({ decision: 'error', text, sizeBytes: undefined });
    if (kind === 'write') return error('refused: this server is read-only');
    if (mode !== 'octet' && mode !== 'netascii') return error(`refused: mode ${cleanText(mode)}`);
    const asset = resolveBootAsset({ path: file, peer: from, local: to }, this.#assets);
    if (asset.kind === 'refused') return error(`refused: ${asset.reason}`);
    const sizeBytes = this.#sizeOf(asset.path);
    if (sizeBytes !== undefined) {
      return { decision: 'file', text: `the file ${cleanText(asset.path)}, ${counted(sizeBytes, 'byte')}`, sizeBytes };
    }
    if (asset.kind !== 'rendered')
      return error(`no such file: ${asset.kind === 'missing' ? asset.reason : 'not-in-tree'}`);
    const rendered = Buffer.byteLength(asset.text);
    return {
      decision: 'rendered',
      text: `a configuration to ${asset.purpose}, ${counted(rendered, 'byte')}`,
      sizeBytes: rendered,
    };
  }

  #takeAnswer(key: string, packet: TftpPacket, { from }: CapturedDatagram): void {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined || waiting.result.captured !== undefined || packet.kind === 'ack') return;
    const { result, outcome } = waiting;
    result.captured = `${packetText(packet)}, from ${formatIpv4(from)}`;
    result.differences = listDifferences(outcome, packet);
    result.verdict = judgeReplay(true, true, result.differences);
  }
}

function listDifferences(outcome: Outcome, packet: TftpPacket): readonly Difference[] {
  const capturedError = packet.kind === 'error';
  if (capturedError !== (outcome.decision === 'error')) {
    return [{ what: 'answer', now: outcome.text, captured: capturedError ? 'an error' : 'the file' }];
  }
  const sizeOption =
    packet.kind === 'options' ? packet.options.find(({ name }) => name.toLowerCase() === 'tsize') : undefined;
  if (sizeOption === undefined || outcome.sizeBytes === undefined || sizeOption.value === String(outcome.sizeBytes))
    return [];
  return [{ what: 'size', now: counted(outcome.sizeBytes, 'byte'), captured: `${cleanText(sizeOption.value)} bytes` }];
}

function packetText(packet: TftpPacket): string {
  if (packet.kind === 'error') return `error ${packet.code}: "${cleanText(packet.message)}"`;
  return packet.kind === 'options' ? 'options granted' : packet.kind;
}
