// Machines that work and send requests without pause leave half of the total rate to the others. The long suite has the same of the metadata,
// whose bound is four times as many requests.

import { testDoors } from './rated-doors.ts';

testDoors((door) => door === 'the agent');
