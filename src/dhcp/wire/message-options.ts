// The options of one message, in order: a small map built for each message and each reply.
//
// 1. A code is one byte, so there are at most 254. Scanning the usual eight to fifteen is faster than hashing, and costs two arrays instead
//    of a table that grows twice.

/** Options by code; each value is its bytes, joined if it came in pieces (RFC 3396). A `Map` satisfies it, too. */
export interface DhcpOptions extends Iterable<readonly [number, Uint8Array]> {
  readonly size: number;
  get(code: number): Uint8Array | undefined;
  has(code: number): boolean;
  keys(): Iterable<number>;
  forEach(visit: (value: Uint8Array, code: number) => void): void;
}

/** Options in the making. */
export interface OptionsInMaking extends DhcpOptions {
  /** An existing code keeps its place. */
  set(code: number, value: Uint8Array): unknown;
  delete(code: number): boolean;
}

/** Options in insertion order. */
export class OptionList implements OptionsInMaking {
  // These are not #private, so that tests can compare two messages field by field.
  private readonly codes: number[] = [];
  private readonly values: Uint8Array[] = [];

  get size(): number {
    return this.codes.length;
  }

  get(code: number): Uint8Array | undefined {
    const index = this.codes.indexOf(code);
    return index === -1 ? undefined : this.values[index];
  }

  has(code: number): boolean {
    return this.codes.includes(code);
  }

  set(code: number, value: Uint8Array): void {
    const index = this.codes.indexOf(code);
    if (index !== -1) {
      this.values[index] = value;
      return;
    }
    this.codes.push(code);
    this.values.push(value);
  }

  delete(code: number): boolean {
    const index = this.codes.indexOf(code);
    if (index === -1) return false;
    this.codes.splice(index, 1);
    this.values.splice(index, 1);
    return true;
  }

  keys(): Iterable<number> {
    return this.codes.values();
  }

  forEach(visit: (value: Uint8Array, code: number) => void): void {
    // Without the iterator, which allocates a pair for each option.
    for (let index = 0; index < this.codes.length; index += 1) {
      const [code, value] = [this.codes[index], this.values[index]];
      if (code !== undefined && value !== undefined) visit(value, code);
    }
  }

  *[Symbol.iterator](): Generator<readonly [number, Uint8Array], void> {
    for (const [index, code] of this.codes.entries()) {
      const value = this.values[index];
      if (value !== undefined) yield [code, value];
    }
  }
}
