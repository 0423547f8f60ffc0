// The rack of a suite that changes its configuration while it serves: started before the first test, given its first configuration again
// before each.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach } from 'node:test';
import { sleep } from '../../src/ground/clock.ts';
import type { LogLine } from '../../src/lab/daemon-process.ts';
import type { LabPlace } from '../../src/lab/safe-lab.ts';
import { addressOf, DhcpProbes } from './probes.ts';
import { RunningRack } from './running-rack.ts';

/** A file of the tree that loads for a while, and its size. */
export const KERNEL = '/amd64/generic/bookworm/commissioning/linux';
export const KERNEL_BYTES = 8 * 1024 * 1024;

interface ChangingRackOptions {
  /** How long the watcher of the file may rest before each test, in milliseconds, so that it says nothing more of the test before. */
  readonly restMs: number;
}

export class ChangingRack {
  #rack: RunningRack | undefined;
  #probes: DhcpProbes | undefined;
  #good = '';
  #from = 0;

  /** Belongs to the `describe` that makes it. */
  constructor(place: LabPlace, { restMs }: ChangingRackOptions) {
    before(async () => {
      const rack = new RunningRack(place);
      this.#rack = rack;
      this.#good = readFileSync(rack.configFile, 'utf8');
      this.#probes = await DhcpProbes.open(place);
      await rack.startWhole();
    });
    after(async () => {
      await this.#probes?.close();
      await this.#rack?.remove();
    });
    beforeEach(async () => {
      if (readFileSync(this.rack.configFile, 'utf8') !== this.#good) {
        this.mark();
        await this.goBack();
      }
      await sleep(restMs);
      this.mark();
    });
  }

  get rack(): RunningRack {
    return this.#rack ?? assert.fail('the rack is there once the tests run');
  }

  get probes(): DhcpProbes {
    return this.#probes ?? assert.fail('the probes are there once the tests run');
  }

  /** The first configuration. */
  get good(): string {
    return this.#good;
  }

  /** Starts a part of the test: earlier log lines no longer count. */
  mark(): void {
    this.#from = this.rack.lines.length;
  }

  /** The first configuration with one value replaced. */
  changed(what: string, into: string): string {
    assert.ok(this.#good.includes(what), what);
    return this.#good.replace(what, into);
  }

  configure(text: string): void {
    this.rack.configure(text);
  }

  /** Resolves with the first such line of the log since `mark`. */
  reported(event: string, match?: (line: LogLine) => boolean): Promise<LogLine> {
    return this.rack.reported(event, { from: this.#from, ...(match === undefined ? {} : { match }) });
  }

  /** Such lines of the log since `mark`. */
  events(event: string): readonly LogLine[] {
    return this.rack.events(event, this.#from);
  }

  /** Resolves when a configuration was applied since `mark`. */
  applied(): Promise<LogLine> {
    return this.reported('config.applied');
  }

  /** Resolves when the first configuration is applied again. */
  async goBack(): Promise<void> {
    this.mark();
    this.configure(this.#good);
    await this.applied();
  }

  /** The address of a new lease. */
  async leasedAddress(): Promise<string> {
    return addressOf(await this.probes.lease());
  }
}
