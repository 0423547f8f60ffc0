// Runs the checks of a store contract, each in a place of its own that is removed afterwards.

import { test } from 'node:test';
import type { RegionStore } from '../../src/region/records/store.ts';

/** A place for stores; each `open` opens the same state again, as another process would. */
export interface StorePlace {
  open(): RegionStore | Promise<RegionStore>;
  remove(): void | Promise<void>;
  /** Uses numbers of changes, as that many changes would. `undefined`: only changes use them, and they are cheap. */
  readonly useNumbers?: (count: number) => Promise<unknown>;
}

/** Returns a function that makes a test of each check; its name starts with the store's. */
export function storeChecks(title: string, makePlace: () => StorePlace) {
  return (name: string, work: (store: RegionStore, place: StorePlace) => Promise<void>): void => {
    test(`${title}: ${name}`, async () => {
      const place = makePlace();
      const store = await place.open();
      try {
        await work(store, place);
      } finally {
        await store.close();
        await place.remove();
      }
    });
  };
}
