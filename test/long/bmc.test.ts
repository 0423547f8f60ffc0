// BMCs of machines that run other environments, of machines that report themselves again, and BMCs that are dead.

import { testFoundBmc } from '../support/found-bmc.ts';

testFoundBmc({ content: 'amd64', boots: 2, dies: true });
testFoundBmc({ content: 'amd64-installer', boots: 1 });
