// Carries transfers from their first packet to their end: the engines, their sockets, deadlines and files. It runs in a thread of its own
// (`tftp-thread.ts`), or where the sockets cannot, in the server's. Sources: CONTRIBUTING.md ("The path of a datagram").
//
//   start → open a socket → Transfer.start ──────────────────────────┐
//   datagram, ICMP, request again, repeat, deadline → Transfer.handle ┴→ #perform → read → send
//
// 1. A transfer ends once. Each `start` is answered by one `ended`; until then the server keeps its file open.
// 2. The first packet of a transfer and the repetitions of it leave only as the server says: the address may be forged.
// 3. Nothing waits but for the disk: a window is read and sent at once. A file that is sent block by block is read some blocks ahead.
// 4. The last block leaves only if the file is as it was when it was opened, so no client ever gets a mixture of two files.
// 5. Sending may end the transfer, if the kernel reports that its client is gone. Nothing of it is used after that.

import type { Clock, Instant } from '../clock.ts';
import { DeadlineQueue, type Waiting } from '../deadline-queue.ts';
import { errorText, unreachable } from '../errors.ts';
import { checkUnchanged, type FileSource, readSource } from '../files/file-source.ts';
import type { BorrowedBytes } from '../net/borrowed-bytes.ts';
import { borrowedPart } from '../net/borrowed-bytes.ts';
import type { PeerRequest, PeerSocket, PeerSockets, SendMemory } from '../net/datagrams/peer-sockets.ts';
import type { CarriageState } from './carriage-state.ts';
import {
  ackedBlock,
  DATA_HEADER_BYTES,
  decodePacket,
  encodeError,
  encodeOptions,
  frameBlocks,
  TFTP_ERROR,
} from './packet.ts';
import { type Terms, WINDOW_BYTES_MAX } from './terms.ts';
import { Transfer, type TransferAction, type TransferInput, type TransferOutcome } from './transfer.ts';

/** Read at once for a transfer whose client acknowledges each block, in bytes. Each such transfer holds as much. */
const AHEAD_BYTES = 16 * 1024;
/** After so many bytes, a file is checked for changes. */
const CHECKED_BYTES = 1024 * 1024;
/** The kernel is told to read so much of a file before it is needed, in bytes. */
const WANTED_BYTES = 1024 * 1024;

export interface CarriedError {
  readonly code: number;
  readonly text: string;
}

export type CarriageOrder =
  | {
      readonly kind: 'start';
      readonly slot: number;
      readonly request: PeerRequest;
      readonly terms: Terms;
      readonly content: FileSource | Uint8Array;
    }
  /** The client asks for the first packet again. */
  | { readonly kind: 'request-again'; readonly slot: number }
  /** The answer to `overdue`. */
  | { readonly kind: 'repeat'; readonly slot: number }
  | { readonly kind: 'end'; readonly slot: number; readonly error: CarriedError | undefined };

export type CarriageOutcome =
  | TransferOutcome
  | { readonly kind: 'failed'; readonly reason: string }
  /** As the server wanted. */
  | { readonly kind: 'stopped' };

export type CarriageReport =
  /** The client has acknowledged something, and its transfer goes on. */
  | { readonly kind: 'answered'; readonly slot: number }
  /** A client that has never answered should be sent the first packet again. */
  | { readonly kind: 'overdue'; readonly slot: number }
  /** `localPort` 0: it got no socket, so no error was sent. */
  | { readonly kind: 'ended'; readonly slot: number; readonly outcome: CarriageOutcome; readonly localPort: number };

interface CarriageDeps {
  readonly clock: Pick<Clock, 'now'>;
  readonly sockets: PeerSockets;
  readonly state: CarriageState;
  readonly report: (report: CarriageReport) => void;
  /** Has the kernel read a part of a file ahead, without waiting for it. */
  readonly readAhead?: (fd: number, offset: number, length: number) => void;
  /** Called with each deadline that `work` must be called at. */
  readonly onExpect?: (at: Instant) => void;
}

/** Blocks that are ready to be sent: packets, one behind the other. */
class ReadyBlocks {
  readonly memory: SendMemory;
  #of: Carried | undefined;
  #first = 0;
  #count = 0;

  constructor(memory: SendMemory) {
    this.memory = memory;
  }

  hold(of: Carried, first: number, count: number): void {
    this.#of = of;
    this.#first = first;
    this.#count = count;
  }

  clear(): void {
    this.#of = undefined;
  }

  /** Where the block is; undefined if not all are here. */
  find(of: Carried, first: number, count: number): number | undefined {
    const index = first - this.#first;
    return of === this.#of && index >= 0 && index + count <= this.#count ? index * of.packetBytes : undefined;
  }
}

/** One transfer. */
class Carried implements Waiting {
  place = -1;
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
  /** Up to here the file was checked, and is being read by the kernel. */
  checkedTo = 0;
  wantedTo = 0;

  constructor(slot: number, terms: Terms, content: FileSource | Uint8Array) {
    this.slot = slot;
    this.content = content;
    this.transfer = new Transfer(terms, content instanceof Uint8Array ? content.length : content.sizeBytes);
    this.packetBytes = terms.blockBytes + DATA_HEADER_BYTES;
  }
}

export class Carriage {
  readonly #deps: CarriageDeps;
  readonly #carried: (Carried | undefined)[] = [];
  readonly #deadlines = new DeadlineQueue<Carried>();
  /** For what is read and sent at once. */
  readonly #window: ReadyBlocks;

  constructor(deps: CarriageDeps) {
    this.#deps = deps;
    this.#window = new ReadyBlocks(deps.sockets.allocate(WINDOW_BYTES_MAX));
  }

  /** Undefined if nothing is due. */
  get nextAt(): Instant | undefined {
    return this.#deadlines.nextAt;
  }

  obey(order: CarriageOrder): void {
    if (order.kind === 'start') {
      this.#start(order);
      return;
    }
    const carried = this.#carried[order.slot];
    if (carried === undefined) return;
    switch (order.kind) {
      case 'request-again':
        this.#handle(carried, { kind: 'request-again' });
        break;
      case 'repeat':
        this.#handle(carried, { kind: 'deadline' });
        break;
      case 'end':
        this.#end(carried, { kind: 'stopped' }, order.error);
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

  #start({ slot, request, terms, content }: CarriageOrder & { kind: 'start' }): void {
    const carried = new Carried(slot, terms, content);
    this.#carried[slot] = carried;
    const fail = (error: unknown): void => this.#end(carried, { kind: 'failed', reason: errorText(error) });
    try {
      carried.socket = this.#deps.sockets.open(request, {
        onDatagram: (bytes, length) => this.#onPacket(carried, bytes, length),
        onUnreachable: () => this.#handle(carried, { kind: 'unreachable' }),
        onRefused: (datagrams) => this.#deps.state.counters.add('send-errors', datagrams),
        onFailure: fail,
      });
      this.#perform(carried, carried.transfer.start(this.#deps.clock.now()));
    } catch (error) {
      fail(error);
    }
  }

  #onPacket(carried: Carried, bytes: BorrowedBytes, length: number): void {
    const { state, clock } = this.#deps;
    state.counters.add('received');
    const block = ackedBlock(bytes, length);
    if (block !== undefined) {
      state.noteHeard(carried.slot, clock.now());
      this.#handle(carried, { kind: 'ack', block });
      return;
    }
    const packet = decodePacket(borrowedPart(bytes, 0, length));
    if (packet.ok && packet.value.kind === 'error') {
      state.noteHeard(carried.slot, clock.now());
      this.#handle(carried, packet.value);
    } else {
      state.counters.add('malformed');
      this.#handle(carried, { kind: 'malformed' });
    }
  }

  #handle(carried: Carried, input: TransferInput): void {
    if (carried.isOver) return;
    const { transfer, slot } = carried;
    const action = transfer.handle(input, this.#deps.clock.now());
    if (input.kind === 'ack') {
      const isAnswered = !transfer.unanswered;
      this.#deps.state.noteProgress(slot, isAnswered, transfer.ackedBytes, transfer.repeatedBlocks);
      if (isAnswered && !carried.isAnswered && action?.kind !== 'end') {
        carried.isAnswered = true;
        this.#deps.report({ kind: 'answered', slot });
        // The server may have no place for it.
        if (carried.isOver) return;
      }
    }
    this.#perform(carried, action);
  }

  #perform(carried: Carried, action: TransferAction | undefined): void {
    switch (action?.kind) {
      case undefined:
        break;
      case 'send-options':
        this.#sendPacket(carried, encodeOptions(carried.transfer.terms.granted));
        break;
      case 'send-blocks':
        this.#sendBlocks(carried, action);
        break;
      case 'end':
        this.#end(
          carried,
          action.outcome,
          action.outcome.kind === 'flooded' ? { code: TFTP_ERROR.notDefined, text: 'Too many packets' } : undefined,
        );
        break;
      default:
        unreachable(action);
    }
    this.#expect(carried);
  }

  #sendPacket({ socket }: Carried, bytes: Uint8Array): void {
    const { memory } = this.#window;
    memory.bytes.set(bytes);
    this.#window.clear();
    this.#deps.state.counters.add('packets');
    socket?.send(memory, 0, bytes.length, bytes.length);
  }

  #sendBlocks(carried: Carried, { first, count, offset, length }: TransferAction & { kind: 'send-blocks' }): void {
    const { state, sockets } = this.#deps;
    // Blocks that are acknowledged one by one are worth memory of their own: reading is a third of the work.
    if (carried.transfer.terms.windowBlocks === 1 && !carried.transfer.unanswered)
      carried.blocks ??= new ReadyBlocks(sockets.allocate(AHEAD_BYTES));
    const blocks = carried.blocks ?? this.#window;
    let start = blocks.find(carried, first, count);
    if (start === undefined) {
      try {
        this.#ready(carried, blocks, first, count, offset);
      } catch (error) {
        this.#end(carried, { kind: 'failed', reason: errorText(error) });
        return;
      }
      start = 0;
    }
    state.counters.add('blocks', count);
    carried.socket?.send(blocks.memory, start, length + count * DATA_HEADER_BYTES, carried.packetBytes);
  }

  /** Makes blocks ready from `first` on: at least `count`, and as many as there is room for if they are its own. */
  #ready(carried: Carried, into: ReadyBlocks, first: number, count: number, offset: number): void {
    const { content, transfer, packetBytes } = carried;
    const { blockBytes } = transfer.terms;
    const room = into === this.#window ? count : Math.max(1, Math.floor(into.memory.bytes.length / packetBytes));
    const ready = Math.min(room, transfer.lastBlock - first + 1);
    const length = Math.min(ready * blockBytes, transfer.sizeBytes - offset);
    const { bytes } = into.memory;
    const at = ready * DATA_HEADER_BYTES;
    into.clear();
    if (content instanceof Uint8Array) bytes.set(content.subarray(offset, offset + length), at);
    else this.#load(carried, content, bytes, at, offset, length);
    frameBlocks(bytes, length, first, ready, blockBytes);
    into.hold(carried, first, ready);
  }

  #load(carried: Carried, source: FileSource, into: Uint8Array, at: number, offset: number, length: number): void {
    const end = offset + length;
    if (end + WANTED_BYTES / 2 > carried.wantedTo && carried.wantedTo < source.sizeBytes) {
      const from = Math.max(offset, carried.wantedTo);
      this.#deps.readAhead?.(source.fd, from, WANTED_BYTES);
      carried.wantedTo = from + WANTED_BYTES;
    }
    readSource(source, into, at, offset, length);
    if (end - carried.checkedTo < CHECKED_BYTES && end !== source.sizeBytes) return;
    checkUnchanged(source);
    carried.checkedTo = end;
  }

  /** Sends the client `error`, or that its file cannot be read. */
  #end(carried: Carried, outcome: CarriageOutcome, error?: CarriedError): void {
    if (carried.isOver) return;
    const { slot, socket } = carried;
    const last = outcome.kind === 'failed' ? CANNOT_READ : error;
    if (last !== undefined) this.#sendPacket(carried, encodeError(last.code, last.text));
    carried.isOver = true;
    this.#deadlines.set(carried, undefined);
    this.#carried[slot] = undefined;
    const localPort = socket?.localPort ?? 0;
    socket?.close();
    this.#deps.report({ kind: 'ended', slot, outcome, localPort });
  }

  /** Deadlines nearly always become later: then the queue learns it when the earlier one has passed. */
  #expect(carried: Carried): void {
    const { deadline } = carried.transfer;
    if (carried.isOver || deadline === undefined) return;
    if (carried.queuedAt !== undefined && carried.queuedAt <= deadline) return;
    carried.queuedAt = deadline;
    this.#deadlines.set(carried, deadline);
    this.#deps.onExpect?.(deadline);
  }
}

/** The error for a client whose file cannot be read. */
export const CANNOT_READ: CarriedError = { code: TFTP_ERROR.notDefined, text: 'File cannot be read' };
