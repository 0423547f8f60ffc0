// The transport to a region that answers at several addresses (region.url is a list): processes
// with one database, or a proxy and its stand-in. One address is in use at a time.
//
// 1. A request that one address does not answer goes to the next at once. The link may repeat every request.
// 2. The address that answered last is asked first, even if the first of the list answers again.
// 3. An answer "not now" (502, 503, 504) is ignored if another address answers.
// 4. An address where something else answers counts as silent, and is reported once until the
//    region answers there.
// 5. Pings detect a process that hangs, which still accepts connections. A process answers them
//    from memory. The rack leaves one only if another address answers.
// 6. A ping does not end the fault of an address that said "not now": only a served request does.
// 7. The other addresses are pinged less often, so that a wrong one is known before it is needed.

import { type Clock, repeat, type Timer } from '../ground/clock.ts';
import { answersWithin } from '../net/answers-within.ts';
import { noteText, type RackNote } from '../region/reports/notes.ts';
import { parseAnswerText } from './link-answers.ts';
import type { AddressStatus } from './link-status.ts';
import {
  type FailureNote,
  type LinkAnswer,
  LinkFailure,
  type LinkListener,
  type LinkRequest,
  type LinkTransport,
  RETRYABLE_STATUSES,
  type RegionAddress,
} from './link-transport.ts';

/** The pause between two pings of the address in use, in milliseconds: cheap enough for hundreds of racks. */
const PING_EVERY_MS = 3000;
/**
 * How long a ping may take, in milliseconds. The longest turns of a region's event loop and a lost
 * packet (retransmitted after 1 s and 3 s, RFC 6298 §5) take less. With the pause and the ping of
 * the next address a rack leaves a process that hangs within about ten seconds.
 */
const PING_MS_MAX = 6000;
/** The pause between two pings of the other addresses, each in turn, in milliseconds. */
const OTHER_PING_EVERY_MS = 15_000;

/** The last news of an address, and its last refusal. */
interface AddressNews extends Pick<AddressStatus, 'answeredMs' | 'failure'> {
  /**
   * The number of requests that had been served when the address last said "not now"; undefined if
   * it did not since it was served there.
   */
  readonly refusedAt?: number | undefined;
}

interface SeveralRegionsOptions {
  /** At least one. */
  readonly regions: readonly RegionAddress[];
  readonly clock: Clock;
  /** Called when another address answers than before. */
  readonly onMoved: (url: string, former: string) => void;
  /** Called when an address began to fail, or answers again. */
  readonly onChanged: () => void;
  /** Called for one of several addresses where something else than a region answers. */
  readonly onForeign: (note: FailureNote) => void;
}

export class SeveralRegions implements LinkTransport {
  readonly #options: SeveralRegionsOptions;
  readonly #regions: readonly RegionAddress[];
  readonly #clock: Clock;
  /** The addresses that were reported as none of a region. */
  readonly #foreign = new Set<RegionAddress>();
  readonly #known = new Map<RegionAddress, AddressNews>();
  /** Requests that any address has served. */
  #served = 0;
  #first = 0;
  #others = 0;
  #answeredUrl: string;
  #pings: readonly Timer[] = [];
  /** Ends the pings under way. */
  readonly #closing = new AbortController();
  #isClosed = false;

  constructor(options: SeveralRegionsOptions) {
    this.#options = options;
    this.#regions = options.regions;
    this.#clock = options.clock;
    this.#answeredUrl = this.url;
    if (this.#regions.length === 1) return;
    this.#pings = [
      repeat(this.#clock, PING_EVERY_MS, () => this.#leaveIfHanging()),
      // A hanging address takes the whole time of its ping, for which the address in use must not wait.
      repeat(this.#clock, OTHER_PING_EVERY_MS, () => this.#pingOther()),
    ];
  }

  get url(): string {
    return this.#current.url;
  }

  /** The addresses, each with its last news. */
  get addresses(): readonly AddressStatus[] {
    return this.#regions.map((region) => {
      const { answeredMs, failure } = this.#known.get(region) ?? {};
      return { url: region.url, isInUse: region === this.#current, answeredMs, failure };
    });
  }

  async ask(request: LinkRequest): Promise<LinkAnswer> {
    let refused: LinkAnswer | undefined;
    const failures: unknown[] = [];
    for (let tried = 0; tried < this.#regions.length; tried += 1) {
      const region = this.#current;
      try {
        const answer = await region.ask(request);
        if (!RETRYABLE_STATUSES.has(answer.status)) {
          this.#answered(region);
          return answer;
        }
        refused ??= answer;
        const { status, body } = answer;
        this.#failed(region, { note: 'link-answers', url: region.url, status, said: parseAnswerText(body) });
      } catch (error) {
        failures.push(error);
        if (error instanceof LinkFailure) this.#note(region, error);
      }
      this.#leave(region);
    }
    if (refused !== undefined) return refused;
    // A wrong address is reported rather than a silent one: only people can mend it.
    const worst = failures.find((error) => error instanceof LinkFailure && error.isForeign) ?? failures[0];
    if (!(worst instanceof LinkFailure)) throw worst;
    throw new LinkFailure({ ...worst.note, more: failures.length - 1 }, { cause: worst });
  }

  follow(path: string, listener: LinkListener): { close(): void } {
    const followed = this.#current;
    return followed.follow(path, {
      onOpen: () => listener.onOpen(),
      onAlive: () => listener.onAlive(),
      onEvent: (event, data) => listener.onEvent(event, data),
      onEnd: (status) => {
        if (status === undefined || RETRYABLE_STATUSES.has(status)) this.#leave(followed);
        listener.onEnd(status);
      },
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#closing.abort();
    for (const ping of this.#pings) ping.cancel();
    for (const region of this.#regions) region.close();
  }

  get #current(): RegionAddress {
    const region = this.#regions[this.#first];
    if (region === undefined) throw new Error('a link has no region');
    return region;
  }

  /**
   * Pings the address in use. If it does not answer, makes the next address that does the one in
   * use, and ends the requests at the former one; they are sent again. If no address answers,
   * nothing changes.
   */
  async #leaveIfHanging(): Promise<void> {
    const region = this.#current;
    if (await this.#answers(region)) return;
    for (let step = 1; step < this.#regions.length; step += 1) {
      const next = (this.#first + step) % this.#regions.length;
      const isAlive = await this.#answers(this.#regions[next] ?? region);
      if (this.#isClosed || region !== this.#current) return;
      if (!isAlive) continue;
      this.#first = next;
      region.abandon();
      return;
    }
  }

  #pingOther(): Promise<boolean> {
    const others = this.#regions.filter((region) => region !== this.#current);
    const next = others[this.#others % others.length] ?? this.#current;
    this.#others += 1;
    return this.#answers(next);
  }

  async #answers(region: RegionAddress): Promise<boolean> {
    let failure = new LinkFailure({
      note: 'link-unanswered',
      url: region.url,
      fault: 'silent',
      said: '',
      max: PING_MS_MAX / 1000,
      more: 0,
    });
    const stop = new AbortController();
    const ping = region.ping(AbortSignal.any([this.#closing.signal, stop.signal])).catch((error: unknown) => {
      if (error instanceof LinkFailure) failure = error;
      throw error;
    });
    const isAlive = await answersWithin(this.#clock, PING_MS_MAX, ping);
    const cause = failure;
    stop.abort();
    if (this.#isClosed) return isAlive;
    if (!isAlive) this.#note(region, cause);
    else if (this.#known.get(region)?.refusedAt !== this.#served) this.#works(region);
    return isAlive;
  }

  #note(region: RegionAddress, failure: LinkFailure): void {
    this.#failed(region, failure.note);
    if (!failure.isForeign || this.#foreign.has(region) || this.#regions.length === 1) return;
    this.#foreign.add(region);
    this.#options.onForeign(failure.note);
  }

  /** Keeps why and since when an address fails, for the status. */
  #failed(region: RegionAddress, note: RackNote): void {
    const { answeredMs, failure, refusedAt } = this.#known.get(region) ?? {};
    const sinceMs = failure?.sinceMs ?? this.#clock.wallTimeMs();
    this.#known.set(region, {
      answeredMs,
      failure: { text: noteText(note), sinceMs },
      refusedAt: note.note === 'link-answers' ? this.#served : refusedAt,
    });
    if (failure === undefined) this.#options.onChanged();
  }

  #works(region: RegionAddress): void {
    this.#foreign.delete(region);
    const failure = this.#known.get(region)?.failure;
    this.#known.set(region, { answeredMs: this.#clock.wallTimeMs() });
    if (failure !== undefined) this.#options.onChanged();
  }

  #answered(region: RegionAddress): void {
    this.#served += 1;
    this.#works(region);
    const { url } = region;
    const former = this.#answeredUrl;
    if (url === former) return;
    this.#answeredUrl = url;
    this.#options.onMoved(url, former);
  }

  /** Makes the next address the first to be asked, unless another request has already done so. */
  #leave(region: LinkTransport): void {
    if (region === this.#current) this.#first = (this.#first + 1) % this.#regions.length;
  }
}
