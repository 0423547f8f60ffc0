// The contract of `transact` and `afterCommit` of every region store.

import assert from 'node:assert/strict';
import type { RegionStore } from '../../src/region/records/store.ts';
import { type StorePlace, storeChecks } from './store-place.ts';

async function add(store: RegionStore, username: string): Promise<void> {
  const user = await store.accounts.addUser({ username, email: '', passwordHash: 'x', isAdmin: true, createdMs: 1 });
  assert.equal(user?.username, username);
}

const names = async (store: RegionStore): Promise<readonly string[]> =>
  (await store.accounts.listUsers()).map(({ username }) => username);

/** A method that fails. */
const fail = (store: RegionStore): Promise<unknown> =>
  store.changeSettings(1, () => {
    throw new Error('no');
  });

export function testTransactions(title: string, makePlace: () => StorePlace): void {
  const check = storeChecks(title, makePlace);

  check('all methods within a transaction happen, or none', async (store, place) => {
    const other = await place.open();
    const failed = store.transact(async () => {
      await add(store, 'ann');
      await store.acceptSequence('s', 3, 1);
      assert.deepEqual([await names(store), await store.highestSequence('s')], [['ann'], 3], 'it sees its own changes');
      throw new Error('no');
    });
    await assert.rejects(failed, /^Error: no$/);
    assert.deepEqual([await names(store), await store.highestSequence('s')], [[], -1]);
    const result = await store.transact(async () => {
      await add(store, 'ann');
      await store.acceptSequence('s', 2, 1);
      return 'done';
    });
    assert.deepEqual([result, await names(other), await other.highestSequence('s')], ['done', ['ann'], 2]);
    await other.close();
  });

  check('a method that fails dooms its transaction, even if its caller continues', async (store) => {
    const doomed = store.transact(async () => {
      await add(store, 'ann');
      await assert.rejects(fail(store), /^Error: no$/);
      await assert.rejects(add(store, 'bob'), /^Error: no$/);
      return 'done';
    });
    await assert.rejects(doomed, /^Error: no$/);
    assert.deepEqual(await names(store), []);
    await add(store, 'cid');
    assert.deepEqual(await names(store), ['cid']);
  });

  check('work in a transaction knows it, and no other work does', async (store) => {
    const seen: boolean[] = [store.isInTransaction()];
    let outside: (() => void) | undefined;
    const waiting = new Promise<void>((resolve) => {
      outside = resolve;
    }).then(() => seen.push(store.isInTransaction()));
    await store.transact(async () => {
      seen.push(store.isInTransaction());
      await names(store);
      seen.push(store.isInTransaction());
      outside?.();
      await store.afterCommit(() => void seen.push(store.isInTransaction()));
    });
    await waiting;
    assert.deepEqual([seen.filter((one) => one).length, seen.length, seen[1], seen[2]], [2, 5, true, true]);
  });

  check('a transaction within a transaction is a part of it, and dooms it if it fails', async (store) => {
    await store.transact(async () => {
      await add(store, 'ann');
      await store.transact(() => add(store, 'bob'));
      await add(store, 'cid');
    });
    assert.deepEqual(await names(store), ['ann', 'bob', 'cid']);
    const doomed = store.transact(async () => {
      await add(store, 'dan');
      const inner = store.transact(async () => {
        await add(store, 'eve');
        throw new Error('no');
      });
      await assert.rejects(inner, /^Error: no$/);
    });
    await assert.rejects(doomed, /^Error: no$/);
    assert.deepEqual(await names(store), ['ann', 'bob', 'cid']);
  });

  check('effects run once, in order, when the transaction around their caller is stored', async (store, place) => {
    const other = await place.open();
    const seen: string[] = [];
    const note = (name: string) => async (): Promise<void> => {
      seen.push(`${name}: ${(await names(other)).join(' ')}`);
    };
    await store.transact(async () => {
      await store.afterCommit(note('one'));
      await add(store, 'ann');
      await store.transact(async () => {
        await store.afterCommit(note('inner'));
        await add(store, 'bob');
      });
      await store.afterCommit(note('last'));
      assert.deepEqual(seen, []);
    });
    assert.deepEqual(seen, ['one: ann bob', 'inner: ann bob', 'last: ann bob']);
    await store.afterCommit(note('outside'));
    assert.equal(seen.at(-1), 'outside: ann bob');
    await other.close();
  });

  check('an effect may use the store, in transactions of its own', async (store) => {
    await store.transact(async () => {
      await add(store, 'ann');
      await store.afterCommit(() => store.transact(() => add(store, 'bob')));
    });
    assert.deepEqual(await names(store), ['ann', 'bob']);
  });

  check('no effect of a failed transaction runs', async (store) => {
    const effect = (): void => assert.fail('it runs');
    const thrown = store.transact(async () => {
      await store.afterCommit(effect);
      throw new Error('no');
    });
    await assert.rejects(thrown, /^Error: no$/);
    const doomed = store.transact(async () => {
      await store.afterCommit(effect);
      await fail(store).catch(() => undefined);
    });
    await assert.rejects(doomed, /^Error: no$/);
    await store.transact(() => add(store, 'ann'));
  });
}

/** Of a store whose callers wait for one another. */
export function testWaitingCallers(title: string, makePlace: () => StorePlace): void {
  const check = storeChecks(title, makePlace);
  for (const succeeds of [true, false]) {
    const end = succeeds ? 'is stored' : 'fails';
    check(`other callers wait while a transaction is open, and see only what is left when it ${end}`, async (store) => {
      const said: string[] = [];
      const first = store.transact(async () => {
        await add(store, 'ann');
        await add(store, 'bob');
        said.push('first ends');
        if (!succeeds) throw new Error('no');
      });
      const reader = names(store);
      const writer = add(store, 'cid');
      const second = store.transact(async () => {
        said.push('second begins');
        await add(store, 'dan');
      });
      if (succeeds) await first;
      else await assert.rejects(first, /^Error: no$/);
      const seen = await reader;
      const kept = succeeds ? ['ann', 'bob'] : [];
      assert.deepEqual(
        seen.filter((name) => name === 'ann' || name === 'bob'),
        kept,
      );
      await Promise.all([writer, second]);
      assert.deepEqual(said, ['first ends', 'second begins']);
      assert.deepEqual([...(await names(store))].sort(), [...kept, 'cid', 'dan']);
    });
  }
}
