// The neighbour from hell: each case again and again, and all attacks on a door at once.
// @host alone

import { standAll } from '../hostile/stand.ts';

standAll(5, 'together');
