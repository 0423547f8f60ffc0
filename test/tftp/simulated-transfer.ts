// A transfer in virtual time: the engine, a modelled client, and between them a link that loses, duplicates and delays packets by its seed.
//
// 1. The client follows RFC 1350 and RFC 7440 §4. It accepts only the next block, and checks that its bytes are the next bytes of the file, so
//    a wrong offset or a wrong number after a roll-over shows at once.
// 2. After its last block the client keeps acknowledging repeated blocks for a while (RFC 1350 §6).

import assert from 'node:assert/strict';
import { type Instant, instant } from '../../src/ground/clock.ts';
import { negotiateOptions } from '../../src/tftp/negotiated-options.ts';
import type { TftpOption } from '../../src/tftp/packet.ts';
import { Transfer, type TransferAction, type TransferOutcome } from '../../src/tftp/transfer.ts';
import { seededRandom } from '../support/seeded-random.ts';

/** The most packets of one simulation. */
const STEPS_MAX = 3_000_000;

interface LinkModel {
  readonly seed: number;
  /** Probability that a packet is lost, each way. */
  readonly loss: number;
  /** Probability that a packet arrives twice. */
  readonly duplication: number;
  /** One way, in milliseconds. */
  readonly latencyMs: number;
  /** Uniform extra delay up to this, in milliseconds; a jitter above the gap between packets reorders them. */
  readonly jitterMs: number;
  /** Of blocks, server to client. */
  readonly bytesPerMs: number;
}

export interface ClientModel {
  /** How long it waits for the next packet before it repeats its last one, in milliseconds; undefined: never repeats. */
  readonly timeoutMs: number | undefined;
  /** Which duplicate blocks it acknowledges again: the last one (RFC 1350 §2), any, or none. */
  readonly staleBlocks: 'last' | 'any' | 'none';
  /** How often it acknowledges blocks out of order: each one, or once. */
  readonly gaps: 'each' | 'once';
}

export const GOOD_LINK: LinkModel = { seed: 1, loss: 0, duplication: 0, latencyMs: 0.5, jitterMs: 0, bytesPerMs: 1e5 };
export const USUAL_CLIENT: ClientModel = { timeoutMs: 2000, staleBlocks: 'last', gaps: 'once' };

interface SimulationResult {
  readonly outcome: TransferOutcome['kind'];
  readonly receivedBytes: number;
  readonly clientDone: boolean;
  /** From the request to the last block at the client, in milliseconds. */
  readonly elapsedMs: number;
  readonly blocksSent: number;
  readonly lastBlock: number;
  readonly repeatedBlocks: number;
}

interface Step {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Steps by time; steps of the same moment in the order they were added. */
class StepQueue {
  readonly #heap: Step[] = [];
  #order = 0;
  nowMs = 0;

  add(delayMs: number, run: () => void): void {
    this.addAt(this.nowMs + delayMs, run);
  }

  addAt(timeMs: number, run: () => void): void {
    const heap = this.#heap;
    heap.push({ at: timeMs, order: this.#order++, run });
    for (let at = heap.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.#swapUnlessOrdered(parent, at)) break;
      at = parent;
    }
  }

  /** Runs the next step; false when there is none. */
  run(): boolean {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return false;
    if (heap.length > 0) {
      heap[0] = last;
      for (let at = 0; ; ) {
        const left = 2 * at + 1;
        const child = left + 1 < heap.length && this.#before(left + 1, left) ? left + 1 : left;
        if (child >= heap.length || !this.#swapUnlessOrdered(at, child)) break;
        at = child;
      }
    }
    this.nowMs = first.at;
    first.run();
    return true;
  }

  #before(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a], this.#heap[b]];
    if (one === undefined || other === undefined) return false;
    return one.at < other.at || (one.at === other.at && one.order < other.order);
  }

  #swapUnlessOrdered(parent: number, child: number): boolean {
    if (this.#before(parent, child)) return false;
    const [above, below] = [this.#heap[parent], this.#heap[child]];
    if (above === undefined || below === undefined) return false;
    this.#heap[parent] = below;
    this.#heap[child] = above;
    return true;
  }
}

/** A deadline that is moved with nearly every packet. It has one step in the queue, which is added again if the deadline has moved. */
class Alarm {
  readonly #steps: StepQueue;
  readonly #ring: () => void;
  #deadlineMs: number | undefined;
  #stepMs = Number.POSITIVE_INFINITY;

  constructor(steps: StepQueue, ring: () => void) {
    this.#steps = steps;
    this.#ring = ring;
  }

  set(deadlineMs: number | undefined): void {
    this.#deadlineMs = deadlineMs;
    if (deadlineMs === undefined || this.#stepMs <= deadlineMs) return;
    this.#stepMs = deadlineMs;
    this.#steps.addAt(deadlineMs, () => {
      if (this.#stepMs !== deadlineMs) return;
      this.#stepMs = Number.POSITIVE_INFINITY;
      const wanted = this.#deadlineMs;
      if (wanted !== deadlineMs) this.set(wanted);
      else {
        this.#deadlineMs = undefined;
        this.#ring();
      }
    });
  }
}

/** A link with a queue of bytes in each direction. */
class Link {
  readonly #model: LinkModel;
  readonly #steps: StepQueue;
  readonly #random: () => number;
  #freeAt = 0;

  constructor(model: LinkModel, steps: StepQueue) {
    this.#model = model;
    this.#steps = steps;
    this.#random = seededRandom(model.seed);
  }

  carry(bytes: number, arrive: () => void): void {
    const { loss, duplication, latencyMs, jitterMs, bytesPerMs } = this.#model;
    this.#freeAt = Math.max(this.#freeAt, this.#steps.nowMs) + bytes / bytesPerMs;
    if (this.#random() < loss) return;
    for (let copies = this.#random() < duplication ? 2 : 1; copies > 0; copies -= 1) {
      this.#steps.add(this.#freeAt - this.#steps.nowMs + latencyMs + this.#random() * jitterMs, arrive);
    }
  }
}

/** The modelled client. */
class Client {
  readonly model: ClientModel;
  readonly windowBlocks: number;
  readonly blockBytes: number;
  receivedBytes = 0;
  done = false;
  doneAtMs = 0;
  #next = 1;
  #inWindow = 0;
  #reportedGap = false;
  #heard = false;
  readonly #steps: StepQueue;
  readonly #request: () => void;
  readonly #acknowledge: (block: number) => void;
  readonly #alarm: Alarm;

  constructor(
    model: ClientModel,
    terms: { readonly windowBlocks: number; readonly blockBytes: number },
    steps: StepQueue,
    send: { readonly request: () => void; readonly acknowledge: (block: number) => void },
  ) {
    this.model = model;
    this.windowBlocks = terms.windowBlocks;
    this.blockBytes = terms.blockBytes;
    this.#steps = steps;
    this.#request = send.request;
    this.#acknowledge = send.acknowledge;
    this.#alarm = new Alarm(steps, () => {
      if (this.done) return;
      if (this.#heard) this.#ack();
      else this.start();
    });
  }

  start(): void {
    this.#request();
    // The client always repeats its request; otherwise its loss would end the simulation.
    this.#expect(this.model.timeoutMs ?? 1000);
  }

  onOptions(): void {
    this.#heard = true;
    if (this.#next === 1 && !this.done) this.#ack();
  }

  onData(block: number, offset: number, length: number): void {
    this.#heard = true;
    const distance = (block - this.#next) & 0xffff;
    if (distance === 0 && !this.done) {
      assert.equal(offset, this.receivedBytes, `block ${block} does not hold the next bytes`);
      this.receivedBytes += length;
      this.#next += 1;
      this.#inWindow += 1;
      this.#reportedGap = false;
      this.done = length < this.blockBytes;
      if (this.done) this.doneAtMs = this.#steps.nowMs;
      if (this.done || this.#inWindow === this.windowBlocks) this.#ack();
      else this.#expect(this.model.timeoutMs);
    } else if (distance >= 0x8000 || this.done) {
      const last = block === ((this.#next - 1) & 0xffff);
      if (this.model.staleBlocks === 'any' || (this.model.staleBlocks === 'last' && last)) this.#ack();
    } else if (this.windowBlocks > 1 && (this.model.gaps === 'each' || !this.#reportedGap)) {
      this.#reportedGap = true;
      this.#ack();
    }
  }

  #ack(): void {
    this.#inWindow = 0;
    this.#acknowledge(this.#next - 1);
    this.#expect(this.model.timeoutMs);
  }

  #expect(timeoutMs: number | undefined): void {
    this.#alarm.set(timeoutMs === undefined ? undefined : this.#steps.nowMs + timeoutMs);
  }
}

/** Runs one transfer to its end. */
export function simulateTransfer(
  sizeBytes: number,
  options: readonly TftpOption[],
  linkModel: LinkModel,
  clientModel: ClientModel = USUAL_CLIENT,
): SimulationResult {
  const steps = new StepQueue();
  const down = new Link(linkModel, steps);
  const up = new Link({ ...linkModel, seed: linkModel.seed + 7919 }, steps);
  const terms = negotiateOptions(options, sizeBytes);
  let transfer: Transfer | undefined;
  let outcome: TransferOutcome | undefined;
  let blocksSent = 0;
  const now = (): Instant => instant(steps.nowMs);

  const perform = (action: TransferAction | undefined): void => {
    if (action?.kind === 'end') outcome = action.outcome;
    if (action === undefined || action.kind === 'end' || transfer === undefined) {
      watch();
      return;
    }
    if (action.kind === 'send-options') down.carry(60, () => client.onOptions());
    else {
      for (let index = 0; index < action.count; index += 1) {
        const at = index * terms.blockBytes;
        const length = Math.min(terms.blockBytes, action.length - at);
        assert.ok(length >= 0);
        blocksSent += 1;
        down.carry(length + 46, () => client.onData((action.first + index) & 0xffff, action.offset + at, length));
      }
    }
    watch();
  };
  const alarm = new Alarm(steps, () => {
    const { deadline } = transfer ?? {};
    if (deadline !== undefined && deadline < steps.nowMs) perform(transfer?.handle({ kind: 'deadline' }, now()));
    else watch();
  });
  const watch = (): void => {
    const { deadline } = transfer ?? {};
    // Slightly late, so that the deadline is over.
    alarm.set(deadline === undefined ? undefined : Math.max(deadline, steps.nowMs) + 0.001);
  };
  const client: Client = new Client(clientModel, terms, steps, {
    request: () =>
      up.carry(60, () => {
        if (transfer !== undefined) perform(transfer.handle({ kind: 'request-again' }, now()));
        else {
          transfer = new Transfer(terms, sizeBytes);
          perform(transfer.start(now()));
        }
      }),
    acknowledge: (block) =>
      up.carry(46, () => perform(transfer?.handle({ kind: 'ack', block: block & 0xffff }, now()))),
  });
  client.start();
  let taken = 0;
  while (outcome === undefined && steps.run()) {
    taken += 1;
    if (taken < STEPS_MAX) continue;
    assert.fail(
      `the simulation does not end: ${JSON.stringify({ sizeBytes, options, linkModel, clientModel, at: steps.nowMs, received: client.receivedBytes, blocksSent })}`,
    );
  }
  assert.ok(transfer !== undefined && outcome !== undefined, 'no step is left and the transfer has not ended');
  return {
    outcome: outcome.kind,
    receivedBytes: client.receivedBytes,
    clientDone: client.done,
    elapsedMs: client.doneAtMs,
    blocksSent,
    lastBlock: transfer.lastBlock,
    repeatedBlocks: transfer.repeatedBlocks,
  };
}
