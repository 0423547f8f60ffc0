// Machines that ask for metadata without pause leave half of the total rate to the others.
// @host computes, 30 s

import { testDoors } from '../region/api/rated-doors.ts';

testDoors((door) => door === 'metadata');
