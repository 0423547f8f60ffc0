// The network between racks and their region in virtual time: requests and answers are lost or late, requests are duplicated, some arrive
// long after their sender has given up, and the line is cut now and then. A lost answer's request has still been carried out.

import type { Clock } from '../../src/ground/clock.ts';
import type { LinkAnswer, LinkListener, LinkRequest, LinkTransport } from '../../src/uplink/link-transport.ts';

interface LinkTrouble {
  /** Shares of requests that never arrive, that lose their answer, that are duplicated, and that arrive after their sender gave up. */
  readonly loss: number;
  readonly duplication: number;
  readonly lateness: number;
  readonly delayMsMax: number;
}

/** The region's end; undefined while the region is down. */
export interface RegionEnd {
  answer(request: LinkRequest): Promise<LinkAnswer> | undefined;
  /** Streams each change of the state; undefined while the region is down, or if it refuses. */
  follow(path: string, onVersion: (version: number) => void): (() => void) | undefined;
}

const GIVE_UP_MS = 5000;
const ALIVE_MS = 15_000;

export class TroubledNetwork {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #region: RegionEnd;
  readonly #streams = new Set<() => void>();
  trouble: LinkTrouble;
  #isCut = false;

  constructor(clock: Clock, random: () => number, region: RegionEnd, trouble: LinkTrouble) {
    this.#clock = clock;
    this.#random = random;
    this.#region = region;
    this.trouble = trouble;
  }

  cut(): void {
    this.#isCut = true;
    this.endStreams();
  }

  mend(): void {
    this.#isCut = false;
  }

  /** Ends every stream; some fall silent instead, as when a router drops a connection's state. */
  endStreams(): void {
    for (const end of [...this.#streams]) if (this.#random() < 0.7) end();
    this.#streams.clear();
  }

  /** The rack's end. */
  transport(): LinkTransport {
    return {
      url: 'http://region.example/MAAS',
      ask: (request) => this.ask(request),
      follow: (path, listener) => this.#follow(path, listener),
      close: () => undefined,
    };
  }

  ask(request: LinkRequest): Promise<LinkAnswer> {
    const { loss, duplication, lateness } = this.trouble;
    const fate = this.#random();
    return new Promise((resolve, reject) => {
      const fail = (reason: string): void => {
        this.#clock.schedule(this.#delay(), () => reject(new Error(reason)));
      };
      if (this.#isCut || fate < loss) {
        fail('the request was lost');
        return;
      }
      if (fate < loss + lateness) {
        this.#clock.schedule(GIVE_UP_MS, () => reject(new Error('no answer in time')));
        this.#clock.schedule(GIVE_UP_MS * 3 * this.#random(), () => void this.#arrive(request));
        return;
      }
      if (this.#random() < duplication) this.#clock.schedule(this.#delay() * 3, () => void this.#arrive(request));
      this.#clock.schedule(this.#delay(), () => {
        const arriving = this.#arrive(request);
        if (arriving === undefined) {
          fail('nobody listens');
          return;
        }
        void arriving.then((answer) => {
          if (this.#isCut || fate > 1 - loss) fail('the answer was lost');
          else this.#clock.schedule(this.#delay(), () => resolve(answer));
        });
      });
    });
  }

  #arrive(request: LinkRequest): Promise<LinkAnswer> | undefined {
    return this.#isCut ? undefined : this.#region.answer(request);
  }

  #delay(): number {
    return this.#random() * this.trouble.delayMsMax;
  }

  #follow(path: string, listener: LinkListener): { close(): void } {
    let isOpen = true;
    let stop: (() => void) | undefined;
    const close = (): void => {
      isOpen = false;
      stop?.();
      this.#streams.delete(end);
    };
    const end = (): void => {
      if (!isOpen) return;
      close();
      this.#clock.schedule(this.#delay(), () => listener.onEnd(undefined));
    };
    const alive = (): void => {
      this.#clock.schedule(ALIVE_MS, () => {
        if (!isOpen || !this.#streams.has(end)) return;
        listener.onAlive();
        alive();
      });
    };
    this.#clock.schedule(this.#delay(), () => {
      if (!isOpen) return;
      stop = this.#isCut
        ? undefined
        : this.#region.follow(path, (version) => {
            if (this.#isCut || !this.#streams.has(end)) return;
            this.#clock.schedule(this.#delay(), () => {
              if (isOpen) listener.onEvent('state', JSON.stringify({ version }));
            });
          });
      if (stop === undefined) {
        end();
        return;
      }
      this.#streams.add(end);
      listener.onOpen();
      alive();
    });
    return { close };
  }
}
