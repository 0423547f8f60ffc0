// A rack whose accounts, passwords and tags are changed by the command line: what `e2e/people.test.ts` and the long suite share.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import type { LabPlace } from '../../src/lab/safe-lab.ts';
import { RunningRack, runRackboot } from './running-rack.ts';

export const FIRST = 'correct horse battery';
export const SECOND = 'another staple';

/** A rack, and what its tests ask of it. Start it first. */
export class PeopledRack {
  readonly rack: RunningRack;
  readonly #port: number;
  /** The file with FIRST. */
  readonly first: string;

  constructor(place: LabPlace) {
    this.#port = place.regionPort;
    this.rack = new RunningRack(place);
    this.first = this.file('first', FIRST);
  }

  /** Runs a command, which must show no password. */
  async run(...args: readonly string[]) {
    const { code, output, complaints } = await runRackboot([...args, '--config', this.rack.configFile]);
    const text = [...output, ...complaints].join('\n');
    for (const secret of [FIRST, SECOND]) assert.ok(!text.includes(secret), 'no password is shown');
    return { code, text, out: output.join('\n') };
  }

  /** Writes a file that only its owner reads. @returns its path */
  file(name: string, text: string): string {
    const path = join(this.rack.stateDir, name);
    writeFileSync(path, `${text}\n`, { mode: 0o600 });
    return path;
  }

  /** @returns true if the region took the password */
  async signIn(username: string, password: string): Promise<boolean> {
    const form = new URLSearchParams({ username, password, to: '/MAAS/' });
    const answer = await fetch(`http://127.0.0.1:${this.#port}/MAAS/login/`, {
      method: 'POST',
      body: form,
      redirect: 'manual',
    });
    return answer.status === 303;
  }

  async addMachine(hostname: string, mac: string): Promise<void> {
    const form = new URLSearchParams({ hostname, mac_addresses: mac, architecture: 'amd64' });
    await askDaemon(this.rack.stateDir, '/MAAS/api/2.0/machines/', 'POST', form.toString());
  }
}
