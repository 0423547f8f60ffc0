// `rackboot init` on a host of its own: by flags and by questions on a terminal it writes a file and stores a network that `check`
// accepts and that `run` serves; it never chooses the interface to the outside unasked.
// @host waits
// @long more

import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { missing } from '../support/needs.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { eventually, well } from '../support/running-rack.ts';
import { type Keyboard, RackNetwork } from './rack-network.ts';

const NOBODY = 65534;
const skip = missing('linux', 'root', 'ip', 'busybox', 'script', 'unshare', 'mount');
/** As it is typed in the directory of the checkout, or elsewhere: npm says where a person is. */
const PROGRAM = `(?:${join(import.meta.dirname, '..', '..', 'bin', 'rackboot.js')}|bin/rackboot\\.js)`;
/** Of pino. */
const ERROR_LEVEL = 50;

describe('rackboot init', { skip }, () => {
  let rack: RackNetwork;
  let host = '';

  before(async () => {
    rack = new RackNetwork('init', '10.77.6.1');
    host = rack.namespace.addHost('host', '52:54:00:77:08:01');
  });
  after(() => rack?.remove());
  afterEach(async () => {
    await rack.stop();
    rmSync(rack.configFile, { force: true });
    rmSync(rack.stateDir, { recursive: true, force: true });
  });

  const init = (...words: readonly string[]) => rack.rackboot('init', '--state-dir', rack.stateDir, ...words);
  const written = (): string => readFileSync(rack.configFile, 'utf8');
  const stored = async (): Promise<string> => (await rack.rackboot('config', 'export')).out;

  /** The file passes `check`, and a rack that runs with it gives a lease out of `range`. */
  const assertServes = async (range: RegExp): Promise<void> => {
    await rack.well('check');
    const from = rack.lines.length;
    await rack.start();
    await well(rack.run(host, 'busybox', 'udhcpc', '-f', '-n', '-q', '-i', 'eth0', '-s', '/bin/true'));
    assert.match(String((await rack.reported('dhcp.ack', () => true, from)).address), range);
    await rack.reported('region.up', () => true, from);
    const { out } = await eventually('status is well', async () => {
      const status = await rack.rackboot('status');
      return status.code === 0 ? status : undefined;
    });
    assert.doesNotMatch(out, /^Note /m, 'the first start has nothing to complain of');
    const errors = rack.lines.slice(from).filter(({ level }) => Number(level) >= ERROR_LEVEL);
    assert.deepEqual(errors, []);
  };

  test('with --yes it proposes a network for the only interface, and the rack serves it', async () => {
    const ended = await well(init('--yes'));
    assert.match(ended, new RegExp(`^Wrote ${rack.configFile}\\.$`, 'm'));
    assert.doesNotMatch(written(), /br0/);
    assert.match(await stored(), /^ {4}interface: br0$/m);
    await assertServes(/^10\.77\.6\.(1[6-9]\d|2\d\d)$/);
  });

  if (HAS_MANY_ROUNDS)
    test('the values of flags are used unchanged, and the rack serves them', async () => {
      await well(
        init(
          '--interface',
          'br0',
          '--name',
          'first',
          '--low',
          '10.77.6.20',
          '--high',
          '10.77.6.29',
          '--static-low',
          '10.77.6.100',
          '--static-high',
          '10.77.6.199',
          '--router',
          '10.77.6.254',
          '--upstream',
          '192.0.2.53 192.0.2.54:5353',
          '--domain',
          'lab.example',
        ),
      );
      assert.match(written(), /^name: "first"$/m);
      const network = await stored();
      for (const line of [
        /^ {4}router_ip: 10\.77\.6\.254$/m,
        /^ {4}static_ip_range_low: 10\.77\.6\.100$/m,
        /^ {2}domain: lab\.example$/m,
        /^ {2}upstream: 192\.0\.2\.53 192\.0\.2\.54:5353$/m,
      ])
        assert.match(network, line);
      await assertServes(/^10\.77\.6\.2\d$/);
    });

  for (const [what, options] of [
    ['reset', []],
    ...(HAS_MANY_ROUNDS ? ([['reset --keep-images', ['--keep-images']]] as const) : []),
  ] as const)
    test(`after ${what} the command that it names stores the network again, and the rack serves it`, async () => {
      const first = await init('--yes', '--name', 'first');
      assert.equal(first.code, 0, first.err);
      await assertServes(/^10\.77\.6\.(1[6-9]\d|2\d\d)$/);
      const refused = await init('--yes');
      assert.match(refused.err, /exists, and this rack has br0 .*networks add /, 'it has a network');
      await rack.stop();
      const reset = await rack.well('reset', '--yes', ...options);
      assert.match(reset, /^ {2}the networks in the store: br0 10\.77\.6\.0\/24$/m);
      const named = new RegExp(
        `^Removed\\. \`sudo node ${PROGRAM} init --config \\S+ (.*)\` stores a network again`,
        'm',
      );
      const [, words] = named.exec(reset) ?? [];
      assert.equal(words, `--interface br0 --state-dir ${rack.stateDir}`, reset);
      await rack.start();
      const doctor = await rack.rackboot('doctor');
      assert.match(
        doctor.out,
        /^note dhcp: no network is managed, so no machine is served: `.* networks add .*` adds one/m,
      );
      await rack.stop();
      await rack.well('init', ...words.split(' '), '--yes');
      assert.match(written(), /^name: "first"$/m, 'the name stays');
      await assertServes(/^10\.77\.6\.(1[6-9]\d|2\d\d)$/);
    });

  test('an init that repeats its file leaves all other stored settings, and refuses networks that it did not know of', async () => {
    assert.equal((await init('--yes', '--domain', 'lab.example')).code, 0);
    const config = (...words: readonly string[]) => rack.rackboot('config', ...words);
    assert.equal((await config('set', 'boot.release', 'bookworm')).code, 0);
    assert.equal((await config('unset', 'cluster_interfaces.br0')).code, 0);
    await well(init('--yes'));
    assert.match((await config('get', 'boot.release')).out, /bookworm/);
    assert.match((await config('get', 'dns.domain')).out, /lab\.example/);
    rmSync(`${rack.stateDir}/desired-state.json`);
    const refused = await init('--yes');
    assert.match(refused.err, /the network is not stored: the store has a network already/);
    assert.match((await config('get', 'boot.release')).out, /bookworm/);
    assert.equal((await config('unset', 'cluster_interfaces.br0')).code, 0);
    const remote = await init('--yes', '--region', 'http://10.99.0.9:5240/MAAS');
    assert.match(remote.err, /exists; edit it, or replace it with --force/, 'a remote region does not repeat');
  });

  test('after a reset, init does not replace a file that a person has changed, and the named commands put the networks back', async () => {
    assert.equal((await init('--yes')).code, 0);
    appendFileSync(rack.configFile, '# mine\n');
    const reset = await rack.rackboot('reset', '--yes');
    assert.match(reset.out, /These commands put the networks of the store back:/);
    const [, key = '', value = ''] = /config set --config \S+ (\S+) '(.*)'$/m.exec(reset.out) ?? [];
    assert.match((await init('--yes')).err, /exists; edit it, or replace it with --force/);
    const set = await rack.rackboot('config', 'set', key, value);
    assert.equal(set.code, 0, `${reset.out}${set.err}`);
    await assertServes(/^10\.77\.6\.(1[6-9]\d|2\d\d)$/);
  });

  if (HAS_MANY_ROUNDS)
    test('an existing file is replaced only with --force', async () => {
      // The children of this process inherit it.
      const mask = process.umask(0o077);
      const first = await init('--yes').finally(() => process.umask(mask));
      assert.equal(first.code, 0);
      assert.equal(statSync(rack.configFile).mode & 0o777, 0o644, 'the user of the service reads it');
      assert.match(first.out, /^Looking for other DHCP servers on br0 …$/m, 'it waits for them for seconds');
      const before = written();
      const again = await init('--yes', '--name', 'second');
      assert.equal(again.code, 2);
      assert.match(again.err, /exists, and this rack has br0 10\.77\.6\.0/);
      assert.equal(written(), before);
      assert.equal((await init('--yes', '--name', 'second', '--force')).code, 0);
      assert.match(written(), /^name: "second"$/m);
    });

  if (HAS_MANY_ROUNDS)
    test('of several interfaces it proposes the one without the default route, and none if it would have to guess', async () => {
      const ip = (words: string) => rack.run(undefined, 'ip', ...words.split(' '));
      await ip('link add office type veth peer name office1');
      await ip('link set office1 up');
      await ip('link set office up');
      await ip('address add 10.99.0.7/24 dev office');
      const guess = await init('--yes');
      assert.equal(guess.code, 2);
      assert.match(guess.err, /--interface: .*(br0 10\.77\.6\.0\/24.*office 10\.99\.0\.0\/24|office.*br0)/);
      await ip('route add default via 10.99.0.1');
      assert.equal((await init('--yes')).code, 0);
      assert.match(await stored(), /^ {4}interface: br0$/m);
      await ip('address delete 10.77.6.1/24 dev br0');
      const alone = await init('--yes', '--force');
      assert.equal(alone.code, 2);
      assert.match(alone.err, /--interface: office 10\.99\.0\.0\/24 \(leads to the default router\)/);
      assert.equal((await init('--yes', '--force', '--interface', 'office')).code, 0, 'it is taken when it is named');
      assert.match(await stored(), /^ {4}interface: office$/m);
      assert.doesNotMatch(await stored(), /br0/, '--force replaces the network, too');
      await ip('address add 10.77.6.1/24 dev br0');
      await ip('link delete office');
    });

  test('on a terminal it asks, repeats only the questions with bad answers, and the rack serves the answers', async () => {
    const person: Keyboard = rack.type('init', '--state-dir', rack.stateDir);
    await person.answer(/Interface on the machines' network \(br0 10\.77\.6\.0\/24\) \[br0\]: /, 'br1');
    // The line still has the text typed before, which the person corrects.
    await person.answer(
      /br1 is not an interface.* did you mean br0\?[\s\S]*Nothing is written yet[\s\S]*\[br0\]: br1/,
      '\b0',
    );
    await person.answer(/Router .* \[-\]: /, '10.77.6.1000');
    await person.answer(/router: expected [\s\S]*Nothing is written yet[\s\S]*Router .* \[-\]: 10\.77\.6\.1000/, '\b');
    // The proposals keep off the router.
    await person.answer(/First address for unknown machines .* \[10\.77\.6\.197\]: /, '10.77.6.30');
    await person.answer(/Last address for unknown machines \[10\.77\.6\.99\]: /, '10.77.6.39');
    await person.answer(/First address for deployed machines .*: /, '10.77.6.35');
    await person.answer(/Last address for deployed machines .*: /, '10.77.6.60');
    await person.answer(
      /first address for deployed machines: .* share addresses[\s\S]*Router .* \[10\.77\.6\.100\]: /,
      '',
    );
    await person.answer(/First address for unknown .* \[10\.77\.6\.30\]: /, '');
    await person.answer(/Last address for unknown .* \[10\.77\.6\.39\]: /, '');
    await person.answer(/First address for deployed .* \[10\.77\.6\.35\]: /, '10.77.6.40');
    await person.answer(/Last address for deployed .* \[10\.77\.6\.60\]: /, '');
    await person.answer(/Upstream .* \[-\]: /, '192.0.2.53');
    assert.equal(await person.ended(), 0, person.text());
    assert.match(await stored(), /^ {4}router_ip: 10\.77\.6\.100$/m);
    await assertServes(/^10\.77\.6\.3\d$/);
  });

  if (HAS_MANY_ROUNDS)
    test('it ends with the next steps, and says before it asks which file it cannot write', async () => {
      const ended = await init('--yes');
      const config = `--config ${rack.configFile}`;
      const steps = ['images build', 'createadmin --username admin', 'run', 'doctor'];
      for (const step of steps)
        assert.match(ended.out, new RegExp(`^  sudo node ${PROGRAM} ${step} ${config}  +\\S`, 'm'));
      assert.match(ended.out, /http:\/\/10\.77\.6\.1:5240\/MAAS\//);
      rmSync(rack.stateDir, { recursive: true });
      appendFileSync(rack.configFile, '# mine\n');
      const again = rack.type('init', '--state-dir', rack.stateDir);
      assert.equal(await again.ended(), 2);
      assert.match(
        again.text(),
        /^rackboot: \S+ exists; edit it, or replace it with --force\r\n$/,
        'nothing was asked',
      );
    });

  if (HAS_MANY_ROUNDS)
    test('its next steps keep sudo if the state directory already belongs to the user of the service', async () => {
      chmodSync(rack.directory, 0o755);
      mkdirSync(rack.stateDir, { recursive: true });
      chownSync(rack.stateDir, NOBODY, NOBODY);
      const out = await well(init('--yes'));
      assert.match(out, new RegExp(`^ {2}sudo node ${PROGRAM} images build `, 'm'));
      assert.doesNotMatch(out, /^ {2}(?:rackboot|node|systemctl) /m);
    });

  if (HAS_MANY_ROUNDS)
    test('a refusal of the store at the end does not lose the answers', async () => {
      const ip = (words: string) => rack.run(undefined, 'ip', ...words.split(' '));
      assert.equal((await init('--yes')).code, 0);
      rmSync(rack.configFile);
      await ip('link add lan type veth peer name lan1');
      for (const name of ['lan1', 'lan']) await ip(`link set ${name} up`);
      await ip('address add 10.77.6.2/25 dev lan');
      const person = rack.type('init', '--state-dir', rack.stateDir, '--name', 'first');
      await person.answer(/Interface .*: /, 'lan');
      const complaint = /10\.77\.6\.0\/25 overlaps 10\.77\.6\.0\/24[\s\S]*Interface .*: lan/;
      await eventually('the complaint', () => complaint.test(person.text()));
      // The network moves to the other interface; the store still has it on the first.
      await ip('address delete 10.77.6.1/24 dev br0');
      await person.answer(complaint, '');
      for (const question of [/Router .*: /, /First .*: /, /Last .*: /, /First .*: /, /Last .*: /])
        await person.answer(question, '');
      await person.answer(/Upstream .*: /, '192.0.2.53 192.0.2.54');
      assert.equal(await person.ended(), 2, person.text());
      const [, command = ''] =
        /To give the same answers again: (?:sudo )?node \S+ (init .*)\r\n/.exec(person.text()) ?? [];
      assert.match(command, /--interface lan .*--upstream '192\.0\.2\.53 192\.0\.2\.54'/, person.text());
      const words = command.match(/'[^']*'|\S+/g)?.map((word) => word.replaceAll("'", '')) ?? [];
      const own = words.filter((word, at) => word !== '--config' && words[at - 1] !== '--config');
      await rack.well(...own);
      assert.match(await stored(), /^ {4}interface: lan$/m);
      await ip('link delete lan');
      await ip('address add 10.77.6.1/24 dev br0');
    });

  if (HAS_MANY_ROUNDS)
    test('Ctrl-C and Ctrl-D at a question end it with one line, even at a password', async () => {
      for (const key of ['\x03', '\x04']) {
        const person = rack.type('init', '--state-dir', rack.stateDir);
        await person.answer(/Interface on the machines' network .*: /, key, '');
        assert.equal(await person.ended(), 1);
        assert.match(person.text(), /\nrackboot: stopped by you; nothing was changed\r\n$/);
        assert.equal(existsSync(rack.configFile), false);
      }
      assert.equal((await init('--yes')).code, 0);
      const person = rack.type('createadmin', '--username', 'ann');
      await person.answer(/Password for ann .*: /, '\x03', '');
      assert.equal(await person.ended(), 1);
      const typing = rack.type('createadmin', '--username', 'ann');
      await typing.answer(/Password for ann .*: /, 'correct horse');
      await typing.answer(/Once more: /, 'correct horse');
      assert.equal(await typing.ended(), 0, typing.text());
      assert.doesNotMatch(typing.text(), /horse/, 'the password is not shown');
      const differing = rack.type('createadmin', '--username', 'bob');
      await differing.answer(/Password for bob .*: /, 'one horse');
      await differing.answer(/Once more: /, 'other horse');
      await differing.answer(/The two passwords differ\.\s+Password for bob .*: /, 'one');
      await differing.answer(/A password has at least 4 characters\.\s+Password for bob .*: /, 'right horse');
      await differing.answer(/Once more: /, 'right horse');
      assert.equal(await differing.ended(), 0, differing.text());
      const taken = rack.type('createadmin', '--username', 'bob');
      assert.equal(await taken.ended(), 2);
      assert.match(taken.text(), /The user bob exists already/);
      assert.doesNotMatch(taken.text(), /Password for/, 'nobody types a password for it');
    });
});
