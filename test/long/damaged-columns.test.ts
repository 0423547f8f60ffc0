// Each column of the region's tables holds, in turn, every kind of value that no region writes.
// @host computes, 60 s

import { describe } from 'node:test';
import { damageColumns, damagesOf } from '../region/damaged-columns.ts';

describe('a value that no region writes', { timeout: 300_000 }, () => damageColumns(damagesOf));
