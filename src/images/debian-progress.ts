// Reads the progress of a build from the lines that `mmdebstrap --verbose` prints: its own steps, and those of apt and dpkg.
//
// Sources: mmdebstrap(1) 1.3.5, apt-get(8), dpkg(1), as they print in the language C.

import { counted } from '../counted.ts';
import { followTenths } from './tenths.ts';

/** Steps of mmdebstrap that a person sees. */
const STEP = /^I: ((?:running apt|downloading|extracting|installing|creating|cleaning).*?)\.*$/;
/** apt prints it before each round of packages. */
const ROUND = /^\d+ upgraded, (\d+) newly installed,/;
const FETCHED = /^Get:\d+ /;
/** dpkg prints both for each package. */
const INSTALLED = /^(?:Unpacking|Setting up) /;

/** Turns lines into sentences for a person: each step, and each tenth of a round's packages. */
export class DebianProgress {
  /** Of the round; 0 before the first. */
  #packages = 0;
  #fetched = 0;
  /** Unpacked, and set up: two for each package. */
  #installed = 0;
  #reachFetched = followTenths();
  #reachInstalled = followTenths();

  /** @returns the news in the line; undefined: none */
  read(line: string): string | undefined {
    const step = STEP.exec(line)?.[1];
    if (step !== undefined) return `${step[0]?.toUpperCase()}${step.slice(1)}`;
    const packages = ROUND.exec(line)?.[1];
    if (packages !== undefined) this.#begin(Number(packages));
    else if (this.#packages === 0) return undefined;
    else if (FETCHED.test(line)) return this.#text('Downloaded', this.#reachFetched(++this.#fetched, this.#packages));
    else if (INSTALLED.test(line))
      return this.#text('Installed', this.#reachInstalled(++this.#installed, 2 * this.#packages));
    return undefined;
  }

  #begin(packages: number): void {
    this.#packages = packages;
    [this.#fetched, this.#installed] = [0, 0];
    [this.#reachFetched, this.#reachInstalled] = [followTenths(), followTenths()];
  }

  #text(done: string, percent: number | undefined): string | undefined {
    return percent === undefined ? undefined : `${done} ${percent} % of ${counted(this.#packages, 'package')}`;
  }
}
