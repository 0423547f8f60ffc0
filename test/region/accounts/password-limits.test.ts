// The limits of password checks, each filled completely: of an address, of a network, of an address with few attempts, and of the queue.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instant } from '../../../src/ground/clock.ts';
import {
  ADDRESSES_MAX,
  PASSWORDS_OF_RARE,
  PASSWORDS_PER_ADDRESS,
  PASSWORDS_PER_NETWORK,
  PasswordLimits,
} from '../../../src/region/accounts/password-limits.ts';
import {
  CHECKS_MAX,
  CHECKS_WAITING_MAX,
  NEW_PASSWORDS_PER_ACCOUNT,
  Passwords,
} from '../../../src/region/accounts/passwords.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import './cheap-hashes.ts';

const START = instant(1_000_000);
const address = (host: number) => `10.${host >>> 16}.${(host >>> 8) & 255}.${host & 255}`;

/** The answers to a number of attempts by an address, each with its count. */
async function tries(
  limits: PasswordLimits,
  from: string,
  count: number,
  at = START,
): Promise<Readonly<Record<string, number>>> {
  const reported: Record<string, number> = {};
  for (let index = 0; index < count; index += 1) {
    const taken = await limits.take(from, at);
    const name = typeof taken === 'string' ? taken : 'permit';
    reported[name] = (reported[name] ?? 0) + 1;
  }
  return reported;
}

test('an address has PASSWORDS_PER_ADDRESS, then its rate; another address of its network is not affected', async () => {
  const limits = new PasswordLimits();
  const { burst, perSecond } = PASSWORDS_PER_ADDRESS;
  assert.deepEqual(await tries(limits, address(1), burst + 7), { permit: burst, address: 7 });
  assert.deepEqual(await tries(limits, address(2), 1), { permit: 1 });
  const tenLater = instant(START + 10_000);
  assert.deepEqual(await tries(limits, address(1), 100, tenLater), {
    permit: perSecond * 10,
    address: 100 - perSecond * 10,
  });
});

test('a network has PASSWORDS_PER_NETWORK; beyond it each address has PASSWORDS_OF_RARE, and other networks are not affected', async () => {
  const limits = new PasswordLimits();
  const { burst } = PASSWORDS_PER_NETWORK;
  for (let host = 0; host < burst; host += 1) assert.deepEqual(await tries(limits, address(host), 1), { permit: 1 });
  const rare = PASSWORDS_OF_RARE.burst;
  assert.deepEqual(await tries(limits, address(200), rare + 3), { permit: rare, network: 3 });
  assert.deepEqual(await tries(limits, address(201), 1), { permit: 1 });
  assert.deepEqual(await tries(limits, address(0x100), 10), { permit: 10 });
});

test('ADDRESSES_MAX addresses are kept: the one seen first is forgotten and gets full buckets again', async () => {
  const limits = new PasswordLimits();
  const { burst } = PASSWORDS_PER_ADDRESS;
  assert.deepEqual(await tries(limits, address(0), burst + 1), { permit: burst, address: 1 });
  // One of each network, so that no network is beyond its rate.
  for (let other = 1; other < ADDRESSES_MAX; other += 1) await tries(limits, address(other << 8), 1);
  assert.deepEqual(await tries(limits, address(0), 1), { address: 1 });
  await tries(limits, address(ADDRESSES_MAX << 8), 1);
  assert.deepEqual(await tries(limits, address(0), burst), { permit: burst });
});

test('CHECKS_MAX passwords are processed and CHECKS_WAITING_MAX wait; then the address with the most loses one to a newcomer', async () => {
  const passwords = new Passwords(new VirtualClock());
  const ended: string[] = [];
  // Of no known form, so that the work itself takes no time.
  const look = async (from: string) => {
    const permit = await passwords.take(from);
    assert.ok(typeof permit !== 'string');
    ended.push(`${from} ${(await passwords.check(from, permit, 'x', 'no hash')) === 'busy' ? 'busy' : 'done'}`);
  };
  const busy = () => ended.filter((text) => text.endsWith(' busy'));
  const room = CHECKS_MAX + CHECKS_WAITING_MAX;
  await Promise.all(Array.from({ length: room }, (_, index) => look(`192.0.2.${index % 2}`)));
  assert.deepEqual(busy(), []);
  const flood = Array.from({ length: room / 2 }, (_, index) => look(`192.0.2.${2 + (index % 2)}`));
  const others = Array.from({ length: room / 2 }, (_, index) => look(`203.0.113.${index % 2}`));
  const newcomer = look('198.51.100.7');
  await Promise.all([...flood, ...others, newcomer]);
  assert.equal(busy().length, 1);
  assert.ok(ended.includes('198.51.100.7 done'));
});

test('an account without rights sets NEW_PASSWORDS_PER_ACCOUNT, then waits; others, administrators and the operator are not affected', async () => {
  const clock = new VirtualClock();
  const passwords = new Passwords(clock);
  const olga = { username: 'olga', isAdmin: false };
  const { burst, perSecond } = NEW_PASSWORDS_PER_ACCOUNT;
  const excess = async (count: number) => {
    const hashes = Array.from({ length: count }, () => passwords.hash(olga, 'long enough'));
    return (await Promise.all(hashes)).filter((hash) => hash === 'too-many').length;
  };
  assert.equal(await excess(burst + 3), 3);
  for (const setter of [{ username: 'ann', isAdmin: false }, { username: 'olga', isAdmin: true }, undefined])
    assert.match(await passwords.hash(setter, 'long enough'), /^scrypt\$/);
  assert.equal(await excess(1), 1);
  await clock.pass(1000 / perSecond);
  assert.equal(await excess(2), 1);
});

test('in a full queue the new passwords of one account have one place', async () => {
  const passwords = new Passwords(new VirtualClock());
  const boss = { username: 'boss', isAdmin: true };
  const set = Array.from({ length: CHECKS_MAX + CHECKS_WAITING_MAX }, () => passwords.hash(boss, 'long enough'));
  const looks = Array.from({ length: CHECKS_WAITING_MAX - 1 }, async (_, index) => {
    const from = address(index << 8);
    const permit = await passwords.take(from);
    assert.ok(typeof permit !== 'string');
    return passwords.check(from, permit, 'x', 'no hash');
  });
  assert.ok((await Promise.all(looks)).every((look) => look !== 'busy'));
  assert.equal((await Promise.all(set)).filter((hash) => hash !== 'busy').length, CHECKS_MAX + 1);
});
