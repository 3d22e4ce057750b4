// xero-node, unchanged, against api.xero.com and identity.xero.com: the proxy leads both here.
import { CreditNote, Invoice, XeroClient } from "xero-node";

const given = JSON.parse(process.argv[2]);
const said = {};

const xero = new XeroClient({
  clientId: given.clientId,
  clientSecret: given.clientSecret,
  grantType: "client_credentials",
});
const tokens = await xero.getClientCredentialsToken();
said.tokenType = tokens.token_type;
said.expiresIn = tokens.expires_in;

await xero.updateTenants(true);
const [tenant] = xero.tenants;
const tenantId = tenant.tenantId;
said.organisation = tenant.orgData.baseCurrency;
const api = xero.accountingApi;

// xero-node rejects with JSON text.
const refused = async (promise) => {
  try {
    await promise;
    return null;
  } catch (error) {
    const { response } = JSON.parse(error);
    return { status: response.statusCode, body: response.body, headers: response.headers };
  }
};

const line = { description: "Advice", quantity: 1, unitAmount: 100, accountCode: "200" };
const invoice = (number, changes = {}) => ({
  type: Invoice.TypeEnum.ACCREC,
  contact: { name: "Maple Florist" },
  status: Invoice.StatusEnum.AUTHORISED,
  date: "2026-11-20",
  dueDate: "2026-12-20",
  invoiceNumber: number,
  lineItems: [line],
  ...changes,
});

const contacts = await api.createContacts(tenantId, {
  contacts: [{ name: "Maple Florist", contactNumber: "SF-1" }],
});
const contactID = contacts.body.contacts[0].contactID;
const found = await api.getContacts(tenantId, undefined, 'ContactNumber=="SF-1"');
said.contactFound = found.body.contacts.map((each) => each.contactID === contactID);

const batch = await api.createInvoices(
  tenantId,
  { invoices: [invoice("SF-1"), invoice("SF-2", { lineItems: [] }), invoice("SF-3")] },
  false,
);
said.batch = batch.body.invoices.map((each) => each.statusAttributeString);
said.problem = batch.body.invoices[1].validationErrors[0].message;
const invoiceID = batch.body.invoices[0].invoiceID;
const read = async () => (await api.getInvoice(tenantId, invoiceID)).body.invoices[0];
said.total = (await read()).total;
said.dueDate = (await read()).dueDate;

const pages = [];
for (const page of [1, 2]) {
  const list = await api.getInvoices(
    tenantId, undefined, undefined, undefined, undefined, undefined, undefined, undefined, page,
    undefined, undefined, undefined, undefined, 1,
  );
  pages.push(list.body.invoices.map((each) => each.invoiceNumber));
}
said.pages = pages;

said.wholeBatch = await refused(
  api.createInvoices(tenantId, { invoices: [invoice("SF-4", { lineItems: [] })] }, true),
);
said.missing = (await refused(api.getInvoice(tenantId, "00000000-0000-0000-0000-00000000dead"))).status;
said.stranger = (await refused(api.getOrganisations("00000000-0000-0000-0000-00000000dead"))).status;

if (given.withMoney) {
  const banks = await api.getAccounts(tenantId, undefined, 'Type=="BANK"');
  const accountID = banks.body.accounts[0].accountID;
  const paid = await api.createPayments(tenantId, {
    payments: [{ invoice: { invoiceID }, account: { accountID }, amount: 66, date: "2026-11-21" }],
  });
  const paymentID = paid.body.payments[0].paymentID;
  said.dueAfterPayment = (await read()).amountDue;
  await api.deletePayment(tenantId, paymentID, { status: "DELETED" });
  said.dueAfterDeletion = (await read()).amountDue;
  const notes = await api.createCreditNotes(tenantId, {
    creditNotes: [{
      type: CreditNote.TypeEnum.ACCRECCREDIT,
      status: CreditNote.StatusEnum.AUTHORISED,
      contact: { contactID },
      date: "2026-11-21",
      lineItems: [{ ...line, unitAmount: 40 }],
    }],
  });
  await api.createCreditNoteAllocation(tenantId, notes.body.creditNotes[0].creditNoteID, {
    allocations: [{ amount: 44, date: "2026-11-21", invoice: { invoiceID } }],
  });
  said.dueAfterCredit = (await read()).amountDue;
}

if (given.consent) {
  // The way of a web application: a person's consent, a code, an id token, a refresh, a revocation.
  const { clientId, clientSecret, redirectUri, scopes } = given.consent;
  const web = new XeroClient({
    clientId,
    clientSecret,
    redirectUris: [redirectUri],
    scopes,
    state: "a-state",
    httpTimeout: 20000,
  });
  const consentUrl = new URL(await web.buildConsentUrl());
  said.consentHost = consentUrl.host;
  const agreed = await fetch(consentUrl, { redirect: "manual" });
  const first = await web.apiCallback(agreed.headers.get("location"));
  said.idTokenClaims = Object.keys(first.claims()).includes("xero_userid");
  await web.updateTenants(false);
  said.tenantsOfUser = web.tenants.length;
  const second = await web.refreshToken();
  said.rotated = second.refresh_token !== first.refresh_token;
  await web.revokeToken();
  said.afterRevocation = await web
    .refreshWithRefreshToken(clientId, clientSecret, second.refresh_token)
    .then(() => 200, (error) => error.response.status);
}

console.log(JSON.stringify(said));
