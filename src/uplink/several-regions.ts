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
   * The value of `#servedCount` when the address last said "not now"; `undefined` if the address
   * has served a request since.
   */
  readonly servedAtRefusal?: number | undefined;
}

interface SeveralRegionsOptions {
  /** At least one. */
  readonly regions: readonly RegionAddress[];
  readonly clock: Clock;
  /** Called when another address answers than before. */
  readonly onMoved: (url: string, formerUrl: string) => void;
  /** Called when an address began to fail, or answers again. */
  readonly onChanged: () => void;
  /** Called when something other than a region answers at one of several addresses. */
  readonly onForeign: (note: FailureNote) => void;
}

export class SeveralRegions implements LinkTransport {
  readonly #options: SeveralRegionsOptions;
  readonly #regions: readonly RegionAddress[];
  readonly #clock: Clock;
  /** Addresses already reported because something other than a region answers there. */
  readonly #reportedForeign = new Set<RegionAddress>();
  readonly #news = new Map<RegionAddress, AddressNews>();
  /** Requests that any address has served. */
  #servedCount = 0;
  #currentIndex = 0;
  #otherPingCount = 0;
  #answeredUrl: string;
  #pingTimers: readonly Timer[] = [];
  /** Ends the pings under way. */
  readonly #closeController = new AbortController();
  #isClosed = false;

  constructor(options: SeveralRegionsOptions) {
    this.#options = options;
    this.#regions = options.regions;
    this.#clock = options.clock;
    this.#answeredUrl = this.url;
    if (this.#regions.length === 1) return;
    this.#pingTimers = [
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
      const { answeredMs, failure } = this.#news.get(region) ?? {};
      return { url: region.url, isInUse: region === this.#current, answeredMs, failure };
    });
  }

  async ask(request: LinkRequest): Promise<LinkAnswer> {
    let refusal: LinkAnswer | undefined;
    const failures: unknown[] = [];
    for (let attempt = 0; attempt < this.#regions.length; attempt += 1) {
      const region = this.#current;
      try {
        const answer = await region.ask(request);
        if (!RETRYABLE_STATUSES.has(answer.status)) {
          this.#recordAnswer(region);
          return answer;
        }
        refusal ??= answer;
        const { status, body } = answer;
        this.#setFailure(region, { note: 'link-answers', url: region.url, status, said: parseAnswerText(body) });
      } catch (error) {
        failures.push(error);
        if (error instanceof LinkFailure) this.#recordFailure(region, error);
      }
      this.#switchFrom(region);
    }
    if (refusal !== undefined) return refusal;
    // A wrong address is reported rather than a silent one: only people can mend it.
    const reportedFailure = failures.find((error) => error instanceof LinkFailure && error.isForeign) ?? failures[0];
    if (!(reportedFailure instanceof LinkFailure)) throw reportedFailure;
    throw new LinkFailure({ ...reportedFailure.note, more: failures.length - 1 }, { cause: reportedFailure });
  }

  follow(path: string, listener: LinkListener): { close(): void } {
    const region = this.#current;
    return region.follow(path, {
      onOpen: () => listener.onOpen(),
      onAlive: () => listener.onAlive(),
      onEvent: (event, data) => listener.onEvent(event, data),
      onEnd: (status) => {
        if (status === undefined || RETRYABLE_STATUSES.has(status)) this.#switchFrom(region);
        listener.onEnd(status);
      },
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#closeController.abort();
    for (const ping of this.#pingTimers) ping.cancel();
    for (const region of this.#regions) region.close();
  }

  get #current(): RegionAddress {
    const region = this.#regions[this.#currentIndex];
    if (region === undefined) throw new Error('a link has no region');
    return region;
  }

  /**
   * Pings the address in use. If it does not answer, switches to the next address that answers, and
   * ends the requests at the former address, which are then sent again. If no address answers,
   * nothing changes.
   */
  async #leaveIfHanging(): Promise<void> {
    const region = this.#current;
    if (await this.#ping(region)) return;
    for (let step = 1; step < this.#regions.length; step += 1) {
      const nextIndex = (this.#currentIndex + step) % this.#regions.length;
      const isAlive = await this.#ping(this.#regions[nextIndex] ?? region);
      if (this.#isClosed || region !== this.#current) return;
      if (!isAlive) continue;
      this.#currentIndex = nextIndex;
      region.abandon();
      return;
    }
  }

  #pingOther(): Promise<boolean> {
    const otherRegions = this.#regions.filter((region) => region !== this.#current);
    const nextRegion = otherRegions[this.#otherPingCount % otherRegions.length] ?? this.#current;
    this.#otherPingCount += 1;
    return this.#ping(nextRegion);
  }

  async #ping(region: RegionAddress): Promise<boolean> {
    let failure = new LinkFailure({
      note: 'link-unanswered',
      url: region.url,
      fault: 'silent',
      said: '',
      max: PING_MS_MAX / 1000,
      more: 0,
    });
    const stopController = new AbortController();
    const ping = region
      .ping(AbortSignal.any([this.#closeController.signal, stopController.signal]))
      .catch((error: unknown) => {
        if (error instanceof LinkFailure) failure = error;
        throw error;
      });
    const isAlive = await answersWithin(this.#clock, PING_MS_MAX, ping);
    const cause = failure;
    stopController.abort();
    if (this.#isClosed) return isAlive;
    if (!isAlive) this.#recordFailure(region, cause);
    else if (this.#news.get(region)?.servedAtRefusal !== this.#servedCount) this.#clearFailure(region);
    return isAlive;
  }

  #recordFailure(region: RegionAddress, failure: LinkFailure): void {
    this.#setFailure(region, failure.note);
    if (!failure.isForeign || this.#reportedForeign.has(region) || this.#regions.length === 1) return;
    this.#reportedForeign.add(region);
    this.#options.onForeign(failure.note);
  }

  /** Records why and since when an address fails, for the status. */
  #setFailure(region: RegionAddress, note: RackNote): void {
    const { answeredMs, failure, servedAtRefusal } = this.#news.get(region) ?? {};
    const sinceMs = failure?.sinceMs ?? this.#clock.wallTimeMs();
    this.#news.set(region, {
      answeredMs,
      failure: { text: noteText(note), sinceMs },
      servedAtRefusal: note.note === 'link-answers' ? this.#servedCount : servedAtRefusal,
    });
    if (failure === undefined) this.#options.onChanged();
  }

  #clearFailure(region: RegionAddress): void {
    this.#reportedForeign.delete(region);
    const failure = this.#news.get(region)?.failure;
    this.#news.set(region, { answeredMs: this.#clock.wallTimeMs() });
    if (failure !== undefined) this.#options.onChanged();
  }

  #recordAnswer(region: RegionAddress): void {
    this.#servedCount += 1;
    this.#clearFailure(region);
    const { url } = region;
    const formerUrl = this.#answeredUrl;
    if (url === formerUrl) return;
    this.#answeredUrl = url;
    this.#options.onMoved(url, formerUrl);
  }

  /** Makes the next address the first to be asked, unless another request has already done so. */
  #switchFrom(region: LinkTransport): void {
    if (region === this.#current) this.#currentIndex = (this.#currentIndex + 1) % this.#regions.length;
  }
}
