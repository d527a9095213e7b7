//! Reads the tables of the data set, row by row, and says what each column must hold.
//!
//! Only the five tables that have a place in the contract are opened, and only the columns that are used. Rows come
//! in file order. A null comes out as `None`; judging it is the business of whoever uses the row.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float64Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::Progress;
use crate::Error;

/// Enough rows to make the cost of a batch vanish, few enough to stay in cache.
const BATCH_ROWS: usize = 16_384;

/// The folder that holds the tables: `from` itself, or the folder `data` in it, as an unpacked package has it.
///
/// # Errors
/// [`Error::NoTable`] if neither holds the transactions.
pub(super) fn find_tables(from: &Path) -> Result<PathBuf, Error> {
    [from.to_owned(), from.join("data")]
        .into_iter()
        .find(|folder| folder.join("transactions.parquet").is_file())
        .ok_or_else(|| Error::NoTable { folder: from.to_owned(), table: "transactions" })
}

/// One row of `transactions`: an item in a basket, summed over the times it was scanned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transaction {
    pub(super) household: Option<i64>,
    pub(super) store: Option<i64>,
    pub(super) basket: Option<i64>,
    pub(super) item: Option<i64>,
    pub(super) quantity: Option<i64>,
    pub(super) sales_value: Option<f64>,
    pub(super) retail_disc: Option<f64>,
    pub(super) coupon_disc: Option<f64>,
    pub(super) coupon_match_disc: Option<f64>,
    pub(super) week: Option<i64>,
    pub(super) at_ms: Option<i64>,
}

/// One row of `products`.
#[derive(Clone, Debug)]
pub(super) struct ProductRow {
    pub(super) item: Option<i64>,
    pub(super) department: Option<String>,
    pub(super) product_type: Option<String>,
}

/// One row of `promotions`: an item stood on display or in the mailer, in a store and week.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placement {
    pub(super) item: Option<i64>,
    pub(super) store: Option<i64>,
    pub(super) week: Option<i64>,
    pub(super) on_display: bool,
    pub(super) in_mailer: bool,
}

/// One row of `coupons`: an item a coupon of a campaign is good for.
#[derive(Clone, Copy, Debug)]
pub(super) struct CouponItem {
    pub(super) upc: Option<i64>,
    pub(super) campaign: Option<i64>,
    pub(super) item: Option<i64>,
}

/// One row of `coupon_redemptions`: a household gave a coupon away on a day.
#[derive(Clone, Copy, Debug)]
pub(super) struct Redemption {
    pub(super) household: Option<i64>,
    pub(super) upc: Option<i64>,
    pub(super) campaign: Option<i64>,
    pub(super) date_ms: Option<i64>,
}

/// A reader of the tables in one folder, which tells how far it is.
pub(super) struct Source<'a> {
    pub(super) folder: PathBuf,
    pub(super) progress: &'a mut dyn FnMut(Progress),
}

impl Source<'_> {
    /// Calls `each` with every row of `transactions`.
    pub(super) fn transactions(&mut self, mut each: impl FnMut(Transaction)) -> Result<(), Error> {
        let columns = [
            "household_id",
            "store_id",
            "basket_id",
            "product_id",
            "quantity",
            "sales_value",
            "retail_disc",
            "coupon_disc",
            "coupon_match_disc",
            "week",
            "transaction_timestamp",
        ];
        self.scan("transactions", &columns, |batch| {
            let [household, store, basket] =
                [batch.whole("household_id")?, batch.whole("store_id")?, batch.whole("basket_id")?];
            let [item, quantity, week] = [batch.whole("product_id")?, batch.whole("quantity")?, batch.whole("week")?];
            let [sales, retail] = [batch.dollars("sales_value")?, batch.dollars("retail_disc")?];
            let [coupon, matched] = [batch.dollars("coupon_disc")?, batch.dollars("coupon_match_disc")?];
            let at_ms = batch.instants("transaction_timestamp")?;
            for row in 0..batch.rows() {
                each(Transaction {
                    household: household[row],
                    store: store[row],
                    basket: basket[row],
                    item: item[row],
                    quantity: quantity[row],
                    sales_value: sales[row],
                    retail_disc: retail[row],
                    coupon_disc: coupon[row],
                    coupon_match_disc: matched[row],
                    week: week[row],
                    at_ms: at_ms[row],
                });
            }
            Ok(())
        })
    }

    /// Calls `each` with every row of `products`.
    pub(super) fn products(&mut self, mut each: impl FnMut(ProductRow)) -> Result<(), Error> {
        self.scan("products", &["product_id", "department", "product_type"], |batch| {
            let item = batch.whole("product_id")?;
            let department = batch.texts("department", |text| text.map(str::to_owned))?;
            let product_type = batch.texts("product_type", |text| text.map(str::to_owned))?;
            for (item, (department, product_type)) in item.into_iter().zip(department.into_iter().zip(product_type)) {
                each(ProductRow { item, department, product_type });
            }
            Ok(())
        })
    }

    /// Calls `each` with every row of `promotions`. The table writes `0` for "not there"; so does a null.
    pub(super) fn placements(&mut self, mut each: impl FnMut(Placement)) -> Result<(), Error> {
        let columns = ["product_id", "store_id", "display_location", "mailer_location", "week"];
        let present = |text: Option<&str>| text.is_some_and(|place| place != "0");
        self.scan("promotions", &columns, |batch| {
            let [item, store, week] = [batch.whole("product_id")?, batch.whole("store_id")?, batch.whole("week")?];
            let on_display = batch.texts("display_location", present)?;
            let in_mailer = batch.texts("mailer_location", present)?;
            for row in 0..batch.rows() {
                each(Placement {
                    item: item[row],
                    store: store[row],
                    week: week[row],
                    on_display: on_display[row],
                    in_mailer: in_mailer[row],
                });
            }
            Ok(())
        })
    }

    /// Calls `each` with every row of `coupons`.
    pub(super) fn coupon_items(&mut self, mut each: impl FnMut(CouponItem)) -> Result<(), Error> {
        self.scan("coupons", &["coupon_upc", "product_id", "campaign_id"], |batch| {
            let [upc, item, campaign] =
                [batch.whole("coupon_upc")?, batch.whole("product_id")?, batch.whole("campaign_id")?];
            for row in 0..batch.rows() {
                each(CouponItem { upc: upc[row], campaign: campaign[row], item: item[row] });
            }
            Ok(())
        })
    }

    /// Calls `each` with every row of `coupon_redemptions`.
    pub(super) fn redemptions(&mut self, mut each: impl FnMut(Redemption)) -> Result<(), Error> {
        let columns = ["household_id", "coupon_upc", "campaign_id", "redemption_date"];
        self.scan("coupon_redemptions", &columns, |batch| {
            let [household, upc, campaign] =
                [batch.whole("household_id")?, batch.whole("coupon_upc")?, batch.whole("campaign_id")?];
            let date_ms = batch.instants("redemption_date")?;
            for row in 0..batch.rows() {
                each(Redemption {
                    household: household[row],
                    upc: upc[row],
                    campaign: campaign[row],
                    date_ms: date_ms[row],
                });
            }
            Ok(())
        })
    }

    fn scan(
        &mut self,
        table: &'static str,
        columns: &[&'static str],
        mut each: impl FnMut(&Batch<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let path = self.folder.join(format!("{table}.parquet"));
        if !path.is_file() {
            return Err(Error::NoTable { folder: self.folder.clone(), table });
        }
        let mut rows = 0;
        for batch in open(&path, columns)? {
            let batch = batch.map_err(|source| Error::Decode { path: path.clone(), source })?;
            each(&Batch { batch: &batch, path: &path })?;
            rows += batch.num_rows() as u64;
            (self.progress)(Progress::Read { table, rows });
        }
        Ok(())
    }
}

fn open(path: &Path, columns: &[&'static str]) -> Result<ParquetRecordBatchReader, Error> {
    let failed = |source| Error::Parquet { path: path.to_owned(), source };
    let file = File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    // The types which the writing program had in mind vary with its version; those of the file do not.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(failed)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
    builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(failed)
}

/// Some rows of a table, with the file they came from.
struct Batch<'a> {
    batch: &'a RecordBatch,
    path: &'a Path,
}

impl Batch<'_> {
    fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    fn wrong(&self, column: &'static str, expected: &'static str) -> Error {
        Error::Column { path: self.path.to_owned(), column, expected }
    }

    fn column(&self, column: &'static str, expected: &'static str) -> Result<&dyn Array, Error> {
        let array = self.batch.column_by_name(column).ok_or_else(|| self.wrong(column, expected))?;
        Ok(array.as_ref())
    }

    fn whole(&self, column: &'static str) -> Result<Vec<Option<i64>>, Error> {
        const EXPECTED: &str = "64 bit whole numbers";
        let array = self.column(column, EXPECTED)?;
        let values = array.as_primitive_opt::<Int64Type>().ok_or_else(|| self.wrong(column, EXPECTED))?;
        Ok(values.iter().collect())
    }

    fn dollars(&self, column: &'static str) -> Result<Vec<Option<f64>>, Error> {
        const EXPECTED: &str = "64 bit floating point numbers";
        let array = self.column(column, EXPECTED)?;
        let values = array.as_primitive_opt::<Float64Type>().ok_or_else(|| self.wrong(column, EXPECTED))?;
        Ok(values.iter().collect())
    }

    fn texts<T>(&self, column: &'static str, take: impl Fn(Option<&str>) -> T) -> Result<Vec<T>, Error> {
        const EXPECTED: &str = "text";
        let array = self.column(column, EXPECTED)?;
        let values = array.as_string_opt::<i32>().ok_or_else(|| self.wrong(column, EXPECTED))?;
        Ok(values.iter().map(take).collect())
    }

    /// Instants in milliseconds, whatever unit the file keeps them in, rounded down.
    fn instants(&self, column: &'static str) -> Result<Vec<Option<i64>>, Error> {
        const EXPECTED: &str = "timestamps";
        let array = self.column(column, EXPECTED)?;
        let DataType::Timestamp(unit, _) = array.data_type() else {
            return Err(self.wrong(column, EXPECTED));
        };
        Ok(match unit {
            TimeUnit::Second => {
                array.as_primitive::<TimestampSecondType>().iter().map(|t| t?.checked_mul(1000)).collect()
            }
            TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().iter().collect(),
            TimeUnit::Microsecond => {
                array.as_primitive::<TimestampMicrosecondType>().iter().map(|t| Some(t?.div_euclid(1000))).collect()
            }
            TimeUnit::Nanosecond => {
                array.as_primitive::<TimestampNanosecondType>().iter().map(|t| Some(t?.div_euclid(1_000_000))).collect()
            }
        })
    }
}
