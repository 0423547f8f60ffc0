// Replays captured TFTP requests: the loader would now get a file of the tree, a rendered
// configuration, or an error.

import { type AssetContext, resolveBootAsset } from '../boot/asset.ts';
import { formatIpv4 } from '../ground/address.ts';
import { BoundedMap } from '../ground/bounded-map.ts';
import { cleanText } from '../ground/clean-text.ts';
import { counted } from '../ground/counted.ts';
import { decodePacket, type TftpPacket } from '../tftp/packet.ts';
import { type Difference, judgeReplay, type ReplayedQuery } from './answer-comparison.ts';
import type { CapturedDatagram } from './pcap.ts';
import { QUERIES_WAITING_MAX } from './replay-dhcp.ts';

/** The answer that a request would get now. */
interface PresentAnswer {
  readonly decision: 'file' | 'rendered' | 'error';
  readonly text: string;
  readonly sizeBytes: number | undefined;
}

/** Returns the size of a file of the tree; undefined if there is no such file. */
export type FindFileSize = (path: string) => number | undefined;

/** Replays TFTP. */
export class TftpReplay {
  readonly #assets: AssetContext;
  readonly #findFileSize: FindFileSize;
  /** Requests by the client's address and port. */
  readonly #pendingQueries = new BoundedMap<
    string,
    { readonly result: ReplayedQuery; readonly outcome: PresentAnswer }
  >(QUERIES_WAITING_MAX, 'set longest ago');

  constructor(assets: AssetContext, findFileSize: FindFileSize) {
    this.#assets = assets;
    this.#findFileSize = findFileSize;
  }

  replay(datagram: CapturedDatagram): ReplayedQuery | undefined {
    const { number, atMs, bytes, from, fromPort, to, toPort } = datagram;
    const decoded = decodePacket(bytes);
    if (!decoded.ok) return undefined;
    const packet = decoded.value;
    if (packet.kind !== 'read' && packet.kind !== 'write') {
      this.#compareAnswer(`${to}:${toPort}`, packet, datagram);
      return undefined;
    }
    const outcome = this.#resolveAnswer(packet.kind, packet.file, packet.mode, datagram);
    const result: ReplayedQuery = {
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
    this.#pendingQueries.set(`${from}:${fromPort}`, { result, outcome });
    return result;
  }

  #resolveAnswer(kind: 'read' | 'write', file: string, mode: string, { from, to }: CapturedDatagram): PresentAnswer {
    const error = (text: string): PresentAnswer => ({ decision: 'error', text, sizeBytes: undefined });
    if (kind === 'write') return error('refused: this server is read-only');
    if (mode !== 'octet' && mode !== 'netascii') return error(`refused: mode ${cleanText(mode)}`);
    const asset = resolveBootAsset({ path: file, peer: from, local: to }, this.#assets);
    if (asset.kind === 'refused') return error(`refused: ${asset.reason}`);
    const sizeBytes = this.#findFileSize(asset.path);
    if (sizeBytes !== undefined) {
      return { decision: 'file', text: `the file ${cleanText(asset.path)}, ${counted(sizeBytes, 'byte')}`, sizeBytes };
    }
    if (asset.kind !== 'rendered')
      return error(`no such file: ${asset.kind === 'missing' ? asset.reason : 'not-in-tree'}`);
    const renderedBytes = Buffer.byteLength(asset.text);
    return {
      decision: 'rendered',
      text: `a configuration to ${asset.purpose}, ${counted(renderedBytes, 'byte')}`,
      sizeBytes: renderedBytes,
    };
  }

  #compareAnswer(key: string, packet: TftpPacket, { from }: CapturedDatagram): void {
    const pending = this.#pendingQueries.get(key);
    if (pending === undefined || pending.result.captured !== undefined || packet.kind === 'ack') return;
    const { result, outcome } = pending;
    result.captured = `${packetText(packet)}, from ${formatIpv4(from)}`;
    result.differences = listDifferences(outcome, packet);
    result.verdict = judgeReplay(true, true, result.differences);
  }
}

function listDifferences(outcome: PresentAnswer, packet: TftpPacket): readonly Difference[] {
  const isCapturedError = packet.kind === 'error';
  if (isCapturedError !== (outcome.decision === 'error')) {
    return [{ what: 'answer', now: outcome.text, captured: isCapturedError ? 'an error' : 'the file' }];
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
