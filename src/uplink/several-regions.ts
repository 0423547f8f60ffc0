// The transport to a region that answers at several addresses (region.url is a list): processes that share one database, or a proxy and
// its stand-in. One of them at a time is asked.
//
// 1. A request that one does not answer goes to the next, at once; each is asked once. Every request of the link may be repeated: events and
//    posts carry sequences, and everything else says the same again.
// 2. The address that answered last is asked first. So the rack stays with it, even if the first of the list returns.
// 3. An answer that says "not now" (502, 503, 504) counts as none if another one answers.

import { errorText } from '../errors.ts';
import type { LinkAnswer, LinkListener, LinkRequest, LinkTransport } from './link-transport.ts';

const NOT_NOW: ReadonlySet<number> = new Set([502, 503, 504]);

export class SeveralRegions implements LinkTransport {
  readonly #regions: readonly LinkTransport[];
  readonly #onMoved: (url: string, former: string) => void;
  #first = 0;
  #answeredUrl: string;

  /** @param regions at least one @param onMoved called when another one answers than before */
  constructor(regions: readonly LinkTransport[], onMoved: (url: string, former: string) => void) {
    this.#regions = regions;
    this.#onMoved = onMoved;
    this.#answeredUrl = this.url;
  }

  get url(): string {
    return this.#current.url;
  }

  async ask(request: LinkRequest): Promise<LinkAnswer> {
    let refused: LinkAnswer | undefined;
    const failures: unknown[] = [];
    for (let tried = 0; tried < this.#regions.length; tried += 1) {
      const asked = this.#current;
      try {
        const answer = await asked.ask(request);
        if (!NOT_NOW.has(answer.status)) {
          this.#answered(asked);
          return answer;
        }
        refused ??= answer;
      } catch (error) {
        failures.push(error);
      }
      this.#leave(asked);
    }
    if (refused !== undefined) return refused;
    throw failures.length === 1 ? failures[0] : new Error(failures.map(errorText).join('; '));
  }

  follow(path: string, listener: LinkListener): { close(): void } {
    const followed = this.#current;
    return followed.follow(path, {
      onOpen: () => listener.onOpen(),
      onAlive: () => listener.onAlive(),
      onEvent: (event, data) => listener.onEvent(event, data),
      onEnd: (reason, status) => {
        if (status === undefined || NOT_NOW.has(status)) this.#leave(followed);
        listener.onEnd(reason, status);
      },
    });
  }

  close(): void {
    for (const region of this.#regions) region.close();
  }

  get #current(): LinkTransport {
    const region = this.#regions[this.#first];
    if (region === undefined) throw new Error('a link has no region');
    return region;
  }

  #answered({ url }: LinkTransport): void {
    const former = this.#answeredUrl;
    if (url === former) return;
    this.#answeredUrl = url;
    this.#onMoved(url, former);
  }

  /** Makes the next address the first to be asked, unless another request has already done so. */
  #leave(region: LinkTransport): void {
    if (region === this.#current) this.#first = (this.#first + 1) % this.#regions.length;
  }
}
