// Each case once, the slow ones, too: `without.ts` runs one of them with a changed product. No suite runs this file as it is.

import { standAll } from './stand.ts';

standAll(1, 'each');
