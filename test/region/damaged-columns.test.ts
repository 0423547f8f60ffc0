// A fourth of the text columns of the region's tables, and an eighth of those of numbers, hold one value that no region writes; the long suite has
// all columns and all such values.

import { describe } from 'node:test';
import { damageColumns, damagesOf } from './damaged-columns.ts';

describe('a value that no region writes', () => {
  damageColumns((column, index) => {
    const damages = damagesOf(column);
    const step = damages.length > 1 ? 4 : 8;
    const chosen = damages[index % Math.max(damages.length, 1)];
    return index % step === 0 && chosen !== undefined ? [chosen] : [];
  });
});
