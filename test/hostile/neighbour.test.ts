// The neighbour from hell, in short: each case once. `npm run test:long` has all of it.
// @host computes, 160 s
// @long without

import { standAll } from './stand.ts';

standAll(1, 'short');
