// jsforce, unchanged: REST, Bulk API 2.0 query and ingest.
import jsforce from "@jsforce/jsforce-node";

const given = JSON.parse(process.argv[2]);
const said = {};

const connection = new jsforce.Connection({
  loginUrl: given.loginUrl ?? given.base,
  version: "66.0",
  httpProxy: given.httpProxy,
  oauth2: {
    clientId: given.clientId,
    clientSecret: given.clientSecret,
    loginUrl: given.loginUrl ?? given.base,
    httpProxy: given.httpProxy,
  },
});
await connection.authorize({ grant_type: "client_credentials" });
said.instanceUrl = connection.instanceUrl;

const first = await connection.query("SELECT Id, Name, Account.Name FROM Opportunity");
said.firstPage = [first.done, first.records.length, first.totalSize];
const all = await connection.query("SELECT Id FROM Opportunity", { autoFetch: true, maxFetch: 9999 });
said.autoFetched = new Set(all.records.map((each) => each.Id)).size;

const described = await connection.sobject("Opportunity").describe();
said.amountType = described.fields.find((each) => each.name === "Amount").type;
said.hasAccount = (await connection.describeGlobal()).sobjects.some((each) => each.name === "Account");

const made = await connection.sobject("Account").create({ Name: "Maple Florist" });
await connection.sobject("Account").update({ Id: made.id, Phone: "02 5550 0123" });
said.account = (await connection.sobject("Account").retrieve(made.id)).Phone;
await connection.sobject("Account").destroy(made.id);
said.left = (await connection.query(`SELECT Id FROM Account WHERE Id = '${made.id}'`)).totalSize;
try {
  await connection.query("SELECT Nonsense FROM Account");
} catch (error) {
  said.refusal = error.errorCode;
}

if (given.withCollections) {
  const two = await connection.sobject("Account").create([{ Name: "One" }, { Name: "" }], { allOrNone: false });
  said.collection = two.map((each) => each.success);
}

connection.bulk2.pollInterval = 50;
connection.bulk2.pollTimeout = 20000;
const stream = await connection.bulk2.query("SELECT Id, Name FROM Opportunity");
const rows = await stream.toArray();
said.bulkRows = new Set(rows.map((each) => each.Id)).size;

if (given.withIngest) {
  const outcome = await connection.bulk2.loadAndWaitForResults({
    object: "Account",
    operation: "insert",
    input: [
      { Name: "First", Phone: "1" },
      { Name: "", Phone: "2" },
      { Name: "Third", Phone: "3" },
    ],
    pollInterval: 50,
    pollTimeout: 20000,
  });
  said.ingested = outcome.successfulResults.map((each) => each.Name).sort();
  said.refused = outcome.failedResults.map((each) => each.sf__Error.split(":")[0]);
  said.unprocessed = outcome.unprocessedRecords.length;
}

// A spent session: jsforce sees the refusal, asks its refresh function once, and repeats the call.
const renewing = new jsforce.Connection({
  instanceUrl: connection.instanceUrl,
  accessToken: "00D000000000000!spent",
  version: "66.0",
  httpProxy: given.httpProxy,
  refreshFn: (_connection, done) => done(null, connection.accessToken),
});
said.renewed = (await renewing.query("SELECT Id FROM Organization")).totalSize;

console.log(JSON.stringify(said));
