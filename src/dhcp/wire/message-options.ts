// One message's options, in order: a small map.
//
// 1. There are at most 254 codes. Scanning the usual eight to fifteen is faster than hashing.

/** Values are bytes, joined from pieces (RFC 3396); a `Map` fits, too. */
export interface DhcpOptions extends Iterable<readonly [number, Uint8Array]> {
  readonly size: number;
  get(code: number): Uint8Array | undefined;
  has(code: number): boolean;
  keys(): Iterable<number>;
  forEach(visit: (value: Uint8Array, code: number) => void): void;
}

export interface OptionsInMaking extends DhcpOptions {
  /** An existing code keeps its place. */
  set(code: number, value: Uint8Array): unknown;
  delete(code: number): boolean;
}

export class OptionList implements OptionsInMaking {
  // Not #private, so that tests can compare messages field by field.
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
    // The iterator would allocate a pair for each option.
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
