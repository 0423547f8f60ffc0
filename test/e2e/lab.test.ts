// The guided lab as a user has it: `rackboot lab` run without privileges, its machine accepted, deployed and released by the
// commands that it prints, named in DNS; its refusal of a wrong option; and that it leaves nothing behind.
//
// 1. A lab has its ports to itself: every lab on the host's loopback is in this file, one after the other. `lab-vm.test.ts` has a network of its
//    own. The long suite has a hall of two racks, the buttons of the page, and further ends.
// @host waits

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { sleep } from '../../src/ground/clock.ts';
import { ended } from '../support/child.ts';
import {
  assertLabRefuses,
  DNS_PORT,
  directoryOf,
  endAndLook,
  labsOfSuite,
  machinesShape,
  Program,
  RACK,
} from '../support/guided-lab.ts';
import { missing } from '../support/needs.ts';
import { askName } from '../support/probes.ts';
import { eventually } from '../support/running-rack.ts';

/** How often the progress is looked at. */
const PROGRESS_MS = 200;

const workShape = z.array(z.looseObject({ work_percent: z.number().nullable() }));
const listedShape = z.array(z.looseObject({ ip_addresses: z.array(z.string()) }));

/** The shares of its work that the first machine has done, as the page's bar shows them, until `end`. */
function watchProgress(stateDir: string): { readonly seen: Promise<readonly number[]>; end(): void } {
  let isOver = false;
  const seen = (async () => {
    const shares: number[] = [];
    while (!isOver) {
      const [machine] = workShape.parse(await askDaemon(stateDir, '/MAAS/api/2.0/machines/'));
      const share = machine?.work_percent ?? undefined;
      if (share !== undefined && share !== shares.at(-1)) shares.push(share);
      await sleep(PROGRESS_MS);
    }
    return shares;
  })();
  return {
    seen,
    end: () => {
      isOver = true;
    },
  };
}

describe('the guided lab', { skip: missing('linux', 'setpriv') }, () => {
  const start = labsOfSuite();

  test('boots a machine in few lines, and accepts, deploys, names and releases it by the commands that the lab prints', async () => {
    const lab = start();
    await lab.says(/Ctrl-C ends the lab/);
    const reported = lab.text.split('\n').filter((line) => line !== '');
    assert.ok(reported.length <= 20, lab.text);
    assert.match(lab.text, / is enlisted: .* as New\n(?:.*\n)*.*What to try next/, 'enlisted first, then what to try');
    assert.doesNotMatch(lab.text, /ECONNREFUSED|404|CAP_NET_RAW|problem/);
    const env = { RACKBOOT_CONFIG: join(await directoryOf(lab), 'lab.yaml') };
    const [accept, deploy, release] = [...lab.text.matchAll(/rackboot(?:\.js)? (machines .*)$/gm)].map(
      (found) => found[1] ?? '',
    );
    assert.match(String(deploy), /^machines deploy \S+ debian\/bookworm --user-data \S+$/);
    const run = (words = ''): Promise<string> => new Program(words.split(' '), env).well();
    const name = accept?.split(' ').at(-1) ?? '';
    const is = async (status: string): Promise<void> =>
      void (await lab.says(new RegExp(`${name} is ${status}\\n(?:.*\\n)*$`)));

    const [found] = machinesShape.parse(JSON.parse(await run('machines list --json')));
    assert.deepEqual([found?.hostname, found?.status_name, found?.power_type], [name, 'New', 'webhook']);
    const explained = await run(`why ${name}`);
    assert.doesNotMatch(explained, /^ +! /m, explained);
    const examined = await run('doctor');
    assert.match(
      examined,
      /^ok {3}dhcp lab: BIOS: is offered 127\.77\.2\.\d+, to load lpxelinux\.0 from 127\.77\.0\.1$/m,
    );
    assert.match(examined, /^ok {3}dhcp lab: UEFI amd64: /m);
    assert.doesNotMatch(examined, /^BAD /m, examined);
    assert.doesNotMatch(examined, /sudo|images build/, 'nothing to build or to be root for in a lab');
    const second = new Program(['lab']);
    assert.equal(await ended(second.child), 1, 'a second lab');
    assert.match(
      second.text,
      /^rackboot: 127\.0\.0\.1:5240 is in use by another lab \(process \d+ of user \S+\): .*Ctrl-C where it runs, or with `kill \d+`/,
    );

    await run(accept);
    await is('Ready');
    const progress = watchProgress(join(await directoryOf(lab), 'lab'));
    try {
      await run(deploy);
      await lab.says(/writing/);
      await is('Deployed');
    } finally {
      progress.end();
    }
    const shares = await progress.seen;
    assert.ok(shares.length > 2, `a bar that moves: ${shares.join(' ')}`);
    assert.deepEqual(
      shares,
      shares.toSorted((a, b) => a - b),
    );
    await lab.says(/ran 2 lines of user data \(simulated\), the last: echo/);
    const { value } = await askName(RACK, DNS_PORT, `${name}.maas`);
    assert.match(value.address ?? 'no address', /^127\.77\.1\./);
    await lab.says(new RegExp(`answers in DNS: ${name}\\.maas is ${value.address}`));
    const addresses = async (): Promise<readonly string[]> =>
      listedShape.parse(JSON.parse(await run('machines list --json')))[0]?.ip_addresses ?? [];
    assert.deepEqual(await addresses(), [value.address]);
    await run(release);
    await lab.says(new RegExp(`${name} is Deployed\\n(?:.*\\n)*.*${name} is Ready\\n`));
    assert.deepEqual(await addresses(), [], 'it no longer has its static address');
    assert.doesNotMatch(await run('machines list'), /127\.77\.1\./);
    await eventually(
      'the end of its name',
      async () => (await askName(RACK, DNS_PORT, `${name}.maas`)).value.address === undefined,
    );
    await endAndLook(lab);
  });

  test('refuses --machines 0', () =>
    assertLabRefuses(['--machines', '0'], '--machines is 0, but must be a whole number from 1 to 200'));
});
