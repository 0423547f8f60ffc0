// Runs transfers from their first packet to their end: the engines, their sockets, deadlines and
// files. It runs in a thread of its own (`threads/tftp.ts`), or where the sockets cannot, in the
// server's. Sources: CONTRIBUTING.md ("The path of a datagram").
//
//   start → open a socket → Transfer.start ──────────────────────────┐
//   datagram, ICMP, request again, repeat, deadline → Transfer.handle ┴→ #perform → read ──────────────┬→ send
//                                                          not in memory ⇢ wanted ⇢ part → #take ┘
//
// 1. A transfer ends once. Each `start` is answered by one `ended`; until then the server keeps its
//    file open.
// 2. The first packet of a transfer and the repetitions of it leave only as the server says: the
//    address may be forged.
// 3. Nothing waits here: a window that is in memory is read and sent at once. For any other the
//    server asks the disk, and its transfer alone waits. A file that is sent block by block is read
//    some blocks ahead.
// 4. The last block leaves only if the file is as it was when it was opened, so no client ever gets
//    a mixture of two files.
// 5. Sending may end the transfer, if the kernel reports that its client is gone. Nothing of it is
//    used after that.

import { checkUnchanged, type FileSource } from '../files/file-source.ts';
import type { BorrowedBytes } from '../ground/borrowed-bytes.ts';
import { borrowedPart } from '../ground/borrowed-bytes.ts';
import type { Clock, Instant } from '../ground/clock.ts';
import { DeadlineQueue, type QueuedItem } from '../ground/deadline-queue.ts';
import { errorText, unreachable } from '../ground/errors.ts';
import type { PeerRequest, PeerSocket, PeerSockets, SendMemory } from '../net/datagrams/peer-sockets.ts';
import { type NegotiatedOptions, WINDOW_BYTES_MAX } from './negotiated-options.ts';
import {
  ackedBlock,
  DATA_HEADER_BYTES,
  decodePacket,
  encodeError,
  encodeOptions,
  frameBlocks,
  TFTP_ERROR,
} from './packet.ts';
import type { SharedTransferState } from './shared-transfer-state.ts';
import { Transfer, type TransferAction, type TransferInput, type TransferOutcome } from './transfer.ts';

/**
 * Read at once for a transfer whose client acknowledges each block, in bytes. Each such transfer
 * holds as much.
 */
const AHEAD_BYTES = 16 * 1024;
/**
 * Packets from a wrong port that get an error, for each transfer: any host can send them in its
 * client's name.
 */
const STRAYS_ANSWERED_MAX = 8;
/** After so many bytes, a file is checked for changes. */
const CHECKED_BYTES = 1024 * 1024;

export interface TransferError {
  readonly code: number;
  readonly text: string;
}

export type TransferCommand =
  | {
      readonly kind: 'start';
      readonly slot: number;
      readonly request: PeerRequest;
      readonly negotiated: NegotiatedOptions;
      readonly content: FileSource | Uint8Array;
    }
  /** The client asks for the first packet again. */
  | { readonly kind: 'request-again'; readonly slot: number }
  /** The answer to `overdue`. */
  | { readonly kind: 'repeat'; readonly slot: number }
  /** The answers to `wanted`. */
  | { readonly kind: 'part'; readonly slot: number; readonly bytes: Uint8Array }
  | { readonly kind: 'unreadable'; readonly slot: number; readonly reason: string }
  | { readonly kind: 'end'; readonly slot: number; readonly error: TransferError | undefined };

export type EngineOutcome =
  | TransferOutcome
  | { readonly kind: 'failed'; readonly reason: string }
  /** All transfers have ended, as the server ordered. */
  | { readonly kind: 'stopped' };

export type TransferReport =
  /** The client has acknowledged something, and its transfer goes on. */
  | { readonly kind: 'answered'; readonly slot: number }
  /** A client that has never answered should be sent the first packet again. */
  | { readonly kind: 'overdue'; readonly slot: number }
  /** A part of its file is not in memory. */
  | { readonly kind: 'wanted'; readonly slot: number; readonly offset: number; readonly length: number }
  /** `localPort` 0: it got no socket, so no error was sent. */
  | { readonly kind: 'ended'; readonly slot: number; readonly outcome: EngineOutcome; readonly localPort: number };

interface TransferEngineDeps {
  readonly clock: Pick<Clock, 'now'>;
  readonly sockets: PeerSockets;
  readonly state: SharedTransferState;
  readonly report: (report: TransferReport) => void;
  /**
   * Reads a part of a file to this address if all of it is in memory. Undefined: the server reads
   * every part.
   */
  readonly readCached?: (fd: number, address: number, offset: number, length: number) => boolean;
  /** Called with each deadline that `work` must be called at. */
  readonly onExpect?: (at: Instant) => void;
}

/** Blocks that are ready to be sent: packets, one behind the other. */
class ReadyBlocks {
  readonly memory: SendMemory;
  #of: RunningTransfer | undefined;
  #first = 0;
  #count = 0;

  constructor(memory: SendMemory) {
    this.memory = memory;
  }

  hold(of: RunningTransfer, first: number, count: number): void {
    this.#of = of;
    this.#first = first;
    this.#count = count;
  }

  clear(): void {
    this.#of = undefined;
  }

  /** The place of the first block; undefined if not all are here. */
  find(of: RunningTransfer, first: number, count: number): number | undefined {
    const index = first - this.#first;
    return of === this.#of && index >= 0 && index + count <= this.#count ? index * of.packetBytes : undefined;
  }
}

type SendBlocks = TransferAction & { readonly kind: 'send-blocks' };

/** Blocks for which the disk is asked. */
interface Awaited {
  readonly into: ReadyBlocks;
  readonly first: number;
  readonly count: number;
  readonly offset: number;
  readonly length: number;
}

/** One transfer. */
class RunningTransfer implements QueuedItem {
  heapIndex = -1;
  readonly slot: number;
  readonly transfer: Transfer;
  readonly content: FileSource | Uint8Array;
  readonly packetBytes: number;
  socket: PeerSocket | undefined;
  blocks: ReadyBlocks | undefined;
  isOver = false;
  /** The server knows that the client answers. */
  isAnswered = false;
  /** The deadline in the queue: the transfer's own may be later. */
  queuedAt: Instant | undefined;
  /** While the disk is asked; `due` is what the transfer then sends. */
  awaited: Awaited | undefined;
  due: SendBlocks | undefined;
  /** Up to here the file was checked. */
  checkedTo = 0;
  /** Packets from other ports of its client's host. */
  strays = 0;

  constructor(slot: number, negotiated: NegotiatedOptions, content: FileSource | Uint8Array) {
    this.slot = slot;
    this.content = content;
    this.transfer = new Transfer(negotiated, content instanceof Uint8Array ? content.length : content.sizeBytes);
    this.packetBytes = negotiated.blockBytes + DATA_HEADER_BYTES;
  }
}

export class TransferEngine {
  readonly #deps: TransferEngineDeps;
  readonly #running: (RunningTransfer | undefined)[] = [];
  readonly #deadlines = new DeadlineQueue<RunningTransfer>();
  /** For what is read and sent at once. */
  readonly #window: ReadyBlocks;

  constructor(deps: TransferEngineDeps) {
    this.#deps = deps;
    this.#window = new ReadyBlocks(deps.sockets.allocate(WINDOW_BYTES_MAX));
  }

  /** Undefined if nothing is due. */
  get nextAt(): Instant | undefined {
    return this.#deadlines.nextAt;
  }

  obey(order: TransferCommand): void {
    if (order.kind === 'start') {
      this.#start(order);
      return;
    }
    const running = this.#running[order.slot];
    if (running === undefined) return;
    switch (order.kind) {
      case 'request-again':
        this.#handle(running, { kind: 'request-again' });
        break;
      case 'repeat':
        this.#handle(running, { kind: 'deadline' });
        break;
      case 'part':
        this.#take(running, order.bytes);
        break;
      case 'unreadable':
        this.#end(running, { kind: 'failed', reason: order.reason });
        break;
      case 'end':
        this.#end(running, { kind: 'stopped' }, order.error);
        break;
      default:
        unreachable(order);
    }
  }

  /** Handles the deadlines that have passed. */
  work(): void {
    const now = this.#deps.clock.now();
    for (let due = this.#deadlines.takeDue(now); due !== undefined; due = this.#deadlines.takeDue(now)) {
      due.queuedAt = undefined;
      const { transfer, slot } = due;
      if (transfer.deadline !== undefined && transfer.deadline > now) this.#expect(due);
      else if (transfer.unanswered) this.#deps.report({ kind: 'overdue', slot });
      else {
        this.#deps.state.noteOverdue(slot);
        this.#handle(due, { kind: 'deadline' });
      }
    }
  }

  #start({ slot, request, negotiated, content }: TransferCommand & { kind: 'start' }): void {
    const running = new RunningTransfer(slot, negotiated, content);
    this.#running[slot] = running;
    const fail = (error: unknown): void => this.#end(running, { kind: 'failed', reason: errorText(error) });
    try {
      running.socket = this.#deps.sockets.open(request, {
        onDatagram: (bytes, length) => this.#onPacket(running, bytes, length),
        onStray: (bytes, length) => this.#onStray(running, bytes, length),
        onUnreachable: () => this.#handle(running, { kind: 'unreachable' }),
        onRefused: (datagrams) => this.#deps.state.counters.add('send-errors', datagrams),
        onFailure: fail,
      });
      this.#perform(running, running.transfer.start(this.#deps.clock.now()));
    } catch (error) {
      fail(error);
    }
  }

  #onPacket(running: RunningTransfer, bytes: BorrowedBytes, length: number): void {
    const { state, clock } = this.#deps;
    state.counters.add('received');
    const block = ackedBlock(bytes, length);
    if (block !== undefined) {
      state.noteHeard(running.slot, clock.now());
      this.#handle(running, { kind: 'ack', block });
      return;
    }
    const packet = decodePacket(borrowedPart(bytes, 0, length));
    if (packet.ok && packet.value.kind === 'error') {
      state.noteHeard(running.slot, clock.now());
      this.#handle(running, packet.value);
    } else {
      state.counters.add('malformed');
      this.#handle(running, { kind: 'malformed' });
    }
  }

  /** An ERROR gets no ERROR in return, which could go on for ever. */
  #onStray(running: RunningTransfer, bytes: BorrowedBytes, length: number): Uint8Array | undefined {
    const packet = decodePacket(borrowedPart(bytes, 0, length));
    if (running.strays >= STRAYS_ANSWERED_MAX || (packet.ok && packet.value.kind === 'error')) return undefined;
    running.strays += 1;
    this.#deps.state.counters.add('packets');
    return encodeError(TFTP_ERROR.unknownTransfer, 'Unknown transfer ID');
  }

  #handle(running: RunningTransfer, input: TransferInput): void {
    if (running.isOver) return;
    const { transfer, slot } = running;
    const action = transfer.handle(input, this.#deps.clock.now());
    if (input.kind === 'ack') {
      const isAnswered = !transfer.unanswered;
      this.#deps.state.noteProgress(slot, isAnswered, transfer.ackedBytes, transfer.repeatedBlocks);
      if (isAnswered && !running.isAnswered && action?.kind !== 'end') {
        running.isAnswered = true;
        this.#deps.report({ kind: 'answered', slot });
        // The server may have no place for it.
        if (running.isOver) return;
      }
    }
    this.#perform(running, action);
  }

  #perform(running: RunningTransfer, action: TransferAction | undefined): void {
    switch (action?.kind) {
      case undefined:
        break;
      case 'send-options':
        this.#sendPacket(running, encodeOptions(running.transfer.negotiated.granted));
        break;
      case 'send-blocks':
        this.#sendBlocks(running, action);
        break;
      case 'end':
        this.#end(
          running,
          action.outcome.kind === 'timed-out' && running.awaited !== undefined ? DISK_SILENT : action.outcome,
          action.outcome.kind === 'flooded' ? { code: TFTP_ERROR.notDefined, text: 'Too many packets' } : undefined,
        );
        break;
      default:
        unreachable(action);
    }
    this.#expect(running);
  }

  #sendPacket({ socket }: RunningTransfer, bytes: Uint8Array): void {
    const { memory } = this.#window;
    memory.bytes.set(bytes);
    this.#window.clear();
    this.#deps.state.counters.add('packets');
    socket?.send(memory, 0, bytes.length, bytes.length);
  }

  #sendBlocks(running: RunningTransfer, action: SendBlocks): void {
    if (running.awaited !== undefined) {
      running.due = action;
      return;
    }
    const { state, sockets } = this.#deps;
    const { first, count, length } = action;
    // Blocks that are acknowledged one by one are worth memory of their own: reading is a third of the work.
    if (running.transfer.negotiated.windowBlocks === 1 && !running.transfer.unanswered)
      running.blocks ??= new ReadyBlocks(sockets.allocate(AHEAD_BYTES));
    const blocks = running.blocks ?? this.#window;
    const start = blocks.find(running, first, count) ?? this.#ready(running, blocks, action);
    if (start === undefined) return;
    state.counters.add('blocks', count);
    running.socket?.send(blocks.memory, start, length + count * DATA_HEADER_BYTES, running.packetBytes);
  }

  /**
   * Makes blocks ready: those to be sent, and as many more as there is room for if the memory is their own.
   * @returns where the first is; undefined if the transfer has to wait for the disk, or has ended
   */
  #ready(running: RunningTransfer, into: ReadyBlocks, action: SendBlocks): number | undefined {
    const { content, transfer, packetBytes } = running;
    const { blockBytes } = transfer.negotiated;
    const { first, offset } = action;
    const room = into === this.#window ? action.count : Math.max(1, Math.floor(into.memory.bytes.length / packetBytes));
    const count = Math.min(room, transfer.lastBlock - first + 1);
    const length = Math.min(count * blockBytes, transfer.sizeBytes - offset);
    const { bytes, address } = into.memory;
    const at = count * DATA_HEADER_BYTES;
    into.clear();
    if (content instanceof Uint8Array) bytes.set(content.subarray(offset, offset + length), at);
    else if (length > 0 && this.#deps.readCached?.(content.fd, address + at, offset, length) !== true) {
      running.awaited = { into, first, count, offset, length };
      running.due = action;
      this.#deps.report({ kind: 'wanted', slot: running.slot, offset, length });
      return undefined;
    }
    return this.#frame(running, { into, first, count, offset, length }) ? 0 : undefined;
  }

  /** The disk has answered. */
  #take(running: RunningTransfer, part: Uint8Array): void {
    const { awaited, due } = running;
    if (awaited === undefined || due === undefined) return;
    running.awaited = undefined;
    awaited.into.memory.bytes.set(part, awaited.count * DATA_HEADER_BYTES);
    if (this.#frame(running, awaited)) this.#sendBlocks(running, due);
  }

  /** Makes packets of bytes that were read. False if the transfer has ended, because its file was changed. */
  #frame(running: RunningTransfer, { into, first, count, offset, length }: Awaited): boolean {
    const { content, transfer } = running;
    const end = offset + length;
    if (!(content instanceof Uint8Array) && (end - running.checkedTo >= CHECKED_BYTES || end === content.sizeBytes)) {
      try {
        checkUnchanged(content);
      } catch (error) {
        this.#end(running, { kind: 'failed', reason: errorText(error) });
        return false;
      }
      running.checkedTo = end;
    }
    frameBlocks(into.memory.bytes, length, first, count, transfer.negotiated.blockBytes);
    into.hold(running, first, count);
    return true;
  }

  /** Sends the client `error`, or that its file cannot be read. */
  #end(running: RunningTransfer, outcome: EngineOutcome, error?: TransferError): void {
    if (running.isOver) return;
    const { slot, socket } = running;
    const last = outcome.kind === 'failed' ? CANNOT_READ : error;
    if (last !== undefined) this.#sendPacket(running, encodeError(last.code, last.text));
    running.isOver = true;
    this.#deadlines.set(running, undefined);
    this.#running[slot] = undefined;
    const localPort = socket?.localPort ?? 0;
    socket?.close();
    this.#deps.report({ kind: 'ended', slot, outcome, localPort });
  }

  /** Deadlines nearly always become later: then the queue learns it when the earlier one has passed. */
  #expect(running: RunningTransfer): void {
    const { deadline } = running.transfer;
    if (running.isOver || deadline === undefined) return;
    if (running.queuedAt !== undefined && running.queuedAt <= deadline) return;
    running.queuedAt = deadline;
    this.#deadlines.set(running, deadline);
    this.#deps.onExpect?.(deadline);
  }
}

/** The error for a client whose file cannot be read. */
export const CANNOT_READ: TransferError = { code: TFTP_ERROR.notDefined, text: 'File cannot be read' };

/** The end of a transfer whose client waited for the disk. */
const DISK_SILENT: EngineOutcome = { kind: 'failed', reason: 'the disk did not answer' };
