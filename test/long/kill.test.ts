// `kill -9` of the daemon between any two steps of a boot.
// @host alone

import { testKilledBoots } from '../cases/killed-boots.ts';

testKilledBoots('all');
