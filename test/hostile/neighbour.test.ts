// The neighbour from hell: each case once. With many rounds, each case again and again, and all attacks on a door at once.
// @host computes, 160 s
// @long more

import { standAll } from './stand.ts';

standAll();
