// The commands of a user in the life of a machine, and their results: each step is a test of its own, whose seconds the runner shows.
//
// 1. A step needs those before it: after a failure, the others fail at once.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { bootTreeNeeds } from './boot-tree-needs.ts';
import { type DeployedMachine, type LifeImage, type LifeSystem, questionOf, USER_DATA } from './life-systems.ts';
import { missing, type Need } from './needs.ts';
import { AGAIN_SECONDS_MAX } from './powered-machine.ts';
import {
  BMC,
  DEPLOYED_STORY,
  LIFE_NEEDS,
  type LifeCase,
  LifeRig,
  RELEASED_STORY,
  START,
  WRITING,
} from './whole-life.ts';

/** The longest a step may take, in milliseconds; an image may have to be made before the first. */
const LIMITS = { stepMs: 480_000, preparationMs: 900_000 };
/**
 * The same for another architecture than this host's, whose image is made by emulation too, program for program. An emulated processor of 32 bits
 * takes minutes to make an RSA key.
 */
const FOREIGN_LIMITS = { stepMs: 1_800_000, preparationMs: 7_200_000 };
const SWITCHED_MS_MAX = 60_000;
/** The region answers a command; its rack has the names of that a moment later. */
const NAMED_MS_MAX = 60_000;
const REPORT_MS_MAX = 60_000;
const MIB = 1024 * 1024;

/** Tests that a machine lives its whole life. */
export function testWholeLife(given: LifeCase, system: LifeSystem, needs: readonly Need[] = []): void {
  const skip = missing(...LIFE_NEEDS, ...system.needs, ...needs, ...bootTreeNeeds(given.content));
  const processor = given.qemu32 === true ? ', 32 bits' : '';
  describe(`a machine's whole life (${given.firmware}${processor})`, { skip }, () =>
    new WholeLife(given, system).declare(),
  );
}

class WholeLife {
  readonly #given: LifeCase;
  readonly #system: LifeSystem;
  readonly #limits: typeof LIMITS;
  #rig: LifeRig | undefined;
  #image: LifeImage | undefined;
  #isWhole = true;
  #heard = 0;
  #owner = '';
  /** curl's arguments for the machine's own metadata. */
  #ownQuestion: readonly string[] = [];

  constructor(given: LifeCase, system: LifeSystem) {
    this.#given = given;
    this.#system = system;
    const isForeign = given.qemu32 === true || (given.content === 'arm64' && process.arch !== 'arm64');
    this.#limits = isForeign ? FOREIGN_LIMITS : LIMITS;
  }

  declare(): void {
    before(() => this.#prepare(), { timeout: this.#limits.preparationMs });
    after(() => this.#rig?.remove());
    this.#step('powered on once, it enlists as New, and is off', () => this.#enlist());
    this.#step('accepted, it is measured and tested, and is Ready and off', () => this.#commission());
    this.#step('deployed, it has its name, its address, and the key of its owner', () => this.#deploy());
    this.#step('rebooted, it asks the network first, starts its own disk, and is still Deployed', () => this.#reboot());
    this.#step('released with erasure, it has nothing on its disk and no name, and is Ready and off', () =>
      this.#release(),
    );
    this.#step('its log tells all of it, and its power was switched as often as that', () => this.#look());
  }

  #step(name: string, action: () => Promise<void>): void {
    test(name, async () => {
      assert.ok(this.#isWhole, 'a step before it failed');
      this.#isWhole = false;
      await action();
      this.#isWhole = true;
    });
  }

  get #life(): LifeRig {
    return this.#rig ?? assert.fail('nothing is prepared');
  }

  async #prepare(): Promise<void> {
    const { content, qemu32 = false } = this.#given;
    const architecture = content === 'arm64' ? 'arm64' : qemu32 ? 'i386' : 'amd64';
    this.#rig = await LifeRig.create(this.#given, `rb-whole-${process.pid}`);
    this.#image = await this.#system.image(this.#rig, architecture);
    this.#owner = this.#rig.makeKey('owner');
  }

  async #enlist(): Promise<void> {
    const { power } = this.#life;
    power.ipmitool('chassis', 'power', 'on');
    const { hostname, power_type: found } = await this.#life.reaches('New', this.#limits.stepMs);
    await this.#life.off(this.#limits.stepMs);
    await this.#switchedAs(['power 1']);
    if (this.#given.bus !== undefined) {
      assert.equal(found, 'ipmi', 'its BMC is found with nothing typed');
      return;
    }
    const secret = join(this.#life.directory, 'bmc-password');
    writeFileSync(secret, `${BMC.operator.password}\n`, { mode: 0o600 });
    const account = [`power_address=${BMC.address}`, `power_user=${BMC.operator.name}`, `power_pass@${secret}`];
    await this.#life.rackboot('power', 'set', hostname, 'ipmi', ...account, 'power_boot_type=efi');
  }

  async #commission(): Promise<void> {
    const { hostname } = await this.#machine();
    assert.match(await this.#life.rackboot('machines', 'accept', hostname), / is Commissioning now/);
    await this.#life.reaches('Ready', this.#limits.stepMs);
    await this.#life.off(this.#limits.stepMs);
    await this.#switchedAs([...START, 'power 0']);
    // It is switched off once more next: asked sooner, that would pass for a repetition of ipmitool's.
    await sleep((AGAIN_SECONDS_MAX + 1) * 1000);
  }

  async #deploy(): Promise<void> {
    const { hostname } = await this.#machine();
    const image = this.#image ?? assert.fail();
    const system = `${image.os}/${image.release}`;
    const added = ['--os', image.os, '--release', image.release, '--arch', image.architecture];
    await this.#life.rackbootOnRack('images', 'add', image.path, ...added);
    assert.match(await this.#life.refused('machines', 'deploy', hostname, system), /has no SSH key/);
    await this.#life.rackboot('sshkeys', 'add', `${this.#owner}.pub`);
    const data = join(this.#life.directory, 'user-data');
    writeFileSync(data, USER_DATA);
    const said = await this.#life.rackboot('machines', 'deploy', hostname, system, '--user-data', data);
    assert.match(said, / is Deploying now/);
    const address = /\b10\.77\.0\.\d\d\b/.exec(said)?.[0] ?? assert.fail(said);
    const fqdn = `${hostname}.maas`;
    await this.#isNamed(fqdn, address);
    await this.#system.report(await this.#deployed());
    const machine = await this.#life.reaches('Deployed', this.#limits.stepMs);
    await this.#switchedAs(START);
    assert.deepEqual([machine.fqdn, [...machine.ip_addresses]], [fqdn, [address]]);
    await this.#isNamed(fqdn, address);
    const file = await this.#system.check(await this.#deployed());
    this.#ownQuestion = questionOf(file);
    assert.equal(this.#life.within('curl', ...this.#ownQuestion).out, '200');
  }

  async #reboot(): Promise<void> {
    await this.#system.restart(await this.#deployed());
    const purposes = (): readonly string[] =>
      this.#life.lines.flatMap(({ purpose }) => (typeof purpose === 'string' ? [purpose] : []));
    // The log is read while nothing else is done here.
    await this.#life.patiently('the log reports its start', REPORT_MS_MAX, () =>
      Promise.resolve(purposes().length > 0 ? true : undefined),
    );
    assert.deepEqual([...new Set(purposes())], ['local']);
    assert.equal((await this.#machine()).status_name, 'Deployed');
    await this.#switchedAs([]);
  }

  async #release(): Promise<void> {
    const { fqdn, hostname, ip_addresses: addresses } = await this.#machine();
    const starts = [0, ...this.#life.partitions(), this.#given.diskBytes - MIB];
    const isBlank = (start: number): boolean => this.#life.disk(start, MIB).every((byte) => byte === 0);
    assert.ok(!isBlank(0) && !isBlank(this.#given.diskBytes - MIB), 'a partition table, and its copy at the end');
    const words = ['--erase', 'signatures', '--comment', 'its work is done'];
    assert.match(await this.#life.rackboot('machines', 'release', hostname, ...words), / is Disk erasing now/);
    await this.#life.reaches('Ready', this.#limits.stepMs);
    await this.#life.off(this.#limits.stepMs);
    await this.#switchedAs([...START, 'power 0']);
    assert.deepEqual(
      starts.map(isBlank),
      starts.map(() => true),
    );
    assert.equal(this.#life.within('curl', ...this.#ownQuestion).out, '401', 'its key ended with its work');
    await this.#leads([fqdn, 'A'], '');
    await this.#leads(['-x', addresses[0] ?? assert.fail()], '');
  }

  async #look(): Promise<void> {
    const events = await this.#life.events();
    const reported = events.map(({ description }) => description);
    const deployed = DEPLOYED_STORY.filter((line) => this.#system.takesLong || line !== WRITING);
    await this.#life.checkStory(reported, [
      ...deployed,
      /^Loaded its configuration to boot its own disk$/,
      ...RELEASED_STORY,
    ]);
    const count = (wanted: string): number => events.filter(({ type }) => type === wanted).length;
    assert.deepEqual([count('Node powered on'), count('Node powered off')], [3, 2]);
    assert.deepEqual(
      reported.filter((text) => /claimed twice|^Hint|cannot|failed/i.test(text)),
      [],
      'nothing was wrong',
    );
    const audited = events.filter(({ description }) => description === 'release: its work is done');
    assert.equal(audited.length, 1);
  }

  async #machine() {
    return (await this.#life.machine()) ?? assert.fail('there is no machine');
  }

  /** Its name leads to its address, and back. */
  async #isNamed(fqdn: string, address: string): Promise<void> {
    await this.#leads([fqdn, 'A'], address);
    await this.#leads(['-x', address], `${fqdn}.`);
  }

  /** The name server comes to give this answer. */
  async #leads(question: readonly string[], wanted: string): Promise<void> {
    await this.#life.patiently(`${question.join(' ')} leads to ${wanted || 'nothing'}`, NAMED_MS_MAX, () =>
      Promise.resolve(this.#life.dig(...question) === wanted ? true : undefined),
    );
  }

  /** The deployed machine, for its system. */
  async #deployed(): Promise<DeployedMachine> {
    const { fqdn, ip_addresses: addresses } = await this.#machine();
    return {
      life: this.#life,
      fqdn,
      address: addresses[0] ?? assert.fail('it has no address'),
      owner: this.#owner,
      diskBytes: this.#given.diskBytes,
      stepMs: this.#limits.stepMs,
    };
  }

  /** The BMC was asked this since the last look, and nothing else. */
  async #switchedAs(wanted: readonly string[]): Promise<void> {
    const news = (): readonly string[] => this.#life.power.changes.slice(this.#heard);
    await this.#life.patiently(`the BMC is asked: ${wanted.join(', ')}`, SWITCHED_MS_MAX, () =>
      Promise.resolve(news().length >= wanted.length ? true : undefined),
    );
    assert.deepEqual(news(), wanted);
    this.#heard += wanted.length;
  }
}
