// Reads the progress of a build from the lines that `mmdebstrap --verbose` prints: its own steps, and those of apt and dpkg.
//
// Sources: mmdebstrap(1) 1.3.5, apt-get(8), dpkg(1), as they print in the language C.

import { counted } from '../counted.ts';

/** Steps of mmdebstrap that a person sees. */
const STEP = /^I: ((?:running apt|downloading|extracting|installing|creating|cleaning).*?)\.*$/;
/** apt prints it before each round of packages. */
const ROUND = /^\d+ upgraded, (\d+) newly installed,/;
const FETCHED = /^Get:\d+ /;
/** dpkg prints both for each package. */
const INSTALLED = /^(?:Unpacking|Setting up) /;

/** Turns lines into sentences for a person: each step, and each tenth of a round's packages. */
export class DebianProgress {
  #packages = 0;
  #fetched = new Tenths(0);
  #installed = new Tenths(0);

  /** @returns the news in the line; undefined: none */
  read(line: string): string | undefined {
    const step = STEP.exec(line)?.[1];
    if (step !== undefined) return `${step[0]?.toUpperCase()}${step.slice(1)}`;
    const packages = ROUND.exec(line)?.[1];
    if (packages !== undefined) this.#begin(Number(packages));
    else if (FETCHED.test(line)) return this.#text('Downloaded', this.#fetched.next());
    else if (INSTALLED.test(line)) return this.#text('Installed', this.#installed.next());
    return undefined;
  }

  #begin(packages: number): void {
    this.#packages = packages;
    this.#fetched = new Tenths(packages);
    this.#installed = new Tenths(2 * packages);
  }

  #text(done: string, percent: number | undefined): string | undefined {
    return percent === undefined ? undefined : `${done} ${percent} % of ${counted(this.#packages, 'package')}`;
  }
}

/** Counts to a total, which may be 0: unknown. */
class Tenths {
  readonly #total: number;
  #count = 0;
  #shown = 0;

  constructor(total: number) {
    this.#total = total;
  }

  /** @returns 10, 20 … 100 when another tenth is reached */
  next(): number | undefined {
    this.#count += 1;
    const tenths = Math.min(10, Math.floor((10 * this.#count) / this.#total));
    if (this.#total === 0 || tenths === this.#shown) return undefined;
    this.#shown = tenths;
    return 10 * tenths;
  }
}
