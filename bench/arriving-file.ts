// A file that arrives piece by piece at a client of a load.
//
// 1. Every byte is compared with the file on disk, if there is one: what a server renders has none, and is kept instead.

/** Its end, as the client sees it. */
type OnEnd = (file: ArrivingFile) => void;

export class ArrivingFile {
  readonly name: string;
  readonly onEnd: OnEnd;
  readonly #content: Buffer | undefined;
  readonly #kept: Buffer[] = [];
  #bytes = 0;

  /** @param content undefined for a rendered file */
  constructor(name: string, content: Buffer | undefined, onEnd: OnEnd) {
    this.name = name;
    this.#content = content;
    this.onEnd = onEnd;
  }

  /** How much has arrived. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Of a rendered file. */
  get text(): string {
    return Buffer.concat(this.#kept).toString('latin1');
  }

  /** Takes the bytes from `start` to `end` of `from`. @throws Error if they are not the next ones of the file */
  take(from: Buffer, start: number, end: number): void {
    const next = this.#bytes + end - start;
    if (this.#content === undefined) this.#kept.push(Buffer.from(from.subarray(start, end)));
    else if (next > this.#content.length || from.compare(this.#content, this.#bytes, next, start, end) !== 0)
      throw new Error(`${this.name} differs between ${this.#bytes} and ${next}`);
    this.#bytes = next;
  }

  /** To be called after the last byte. @throws Error if some are missing */
  end(): void {
    if (this.#content !== undefined && this.#bytes !== this.#content.length)
      throw new Error(`${this.name} ends at ${this.#bytes}`);
    this.onEnd(this);
  }
}
